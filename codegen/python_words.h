/* Names that generated Python may not have, each list sorted by bytes; what begins with an underscore gets a letter before it and needs no
 * list. tests/system/test_codegen.py holds the lists against the language and the runtime. */
#ifndef CELL_CODEGEN_PYTHON_WORDS_H
#define CELL_CODEGEN_PYTHON_WORDS_H

/* Of fields and operations. */
#define CODEGEN_PYTHON_KEYWORDS \
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", \
    "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield"

/* Of an enum's values: also what IntEnum has. */
#define CODEGEN_PYTHON_MEMBERS \
    "False", "None", "True", "and", "as", "as_integer_ratio", "assert", "async", "await", "bit_count", "bit_length", "break", "class", "conjugate", \
    "continue", "def", "del", "denominator", "elif", "else", "except", "finally", "for", "from", "from_bytes", "global", "if", "imag", "import", "in", \
    "is", "lambda", "mro", "name", "nonlocal", "not", "numerator", "or", "pass", "raise", "real", "return", "to_bytes", "try", "value", "while", "with", \
    "yield"

/* Of classes: also builtins, and what the runtime has. */
#define CODEGEN_PYTHON_MODULE \
    "Aborted", "ArithmeticError", "AssertionError", "AsyncClient", "AttributeError", "BYTES_MAX", "BaseException", "BaseExceptionGroup", \
    "BlockingIOError", "BrokenPipeError", "BufferError", "BytesWarning", "Cancelled", "CellError", "ChildProcessError", "Client", \
    "ConnectionAbortedError", "ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "DEPTH_MAX", "DataLoss", "DeadlineExceeded", "Denied", \
    "DeprecationWarning", "EOFError", "Ellipsis", "EncodingWarning", "EnvironmentError", "Exception", "ExceptionGroup", "Exists", "False", \
    "FileExistsError", "FileNotFoundError", "FloatingPointError", "Forged", "FutureWarning", "GeneratorExit", "IOError", "ImportError", "ImportWarning", \
    "Incompatible", "IndentationError", "IndexError", "InputOutput", "Internal", "InterruptedError", "Invalid", "IsADirectoryError", "KeyError", \
    "KeyboardInterrupt", "Limit", "LookupError", "Malformed", "MemoryError", "Message", "ModuleNotFoundError", "NameError", "NoMemory", "None", \
    "NotADirectoryError", "NotFound", "NotImplemented", "NotImplementedError", "NotLeader", "OSError", "OutOfRange", "OverflowError", "PeerDead", \
    "PendingDeprecationWarning", "PermissionError", "Precondition", "ProcessLookupError", "RecursionError", "ReferenceError", "ResourceWarning", \
    "RuntimeError", "RuntimeWarning", "SCHEMA", "StopAsyncIteration", "StopIteration", "SyntaxError", "SyntaxWarning", "SystemError", "SystemExit", \
    "TabError", "TimeoutError", "True", "TypeError", "Unauthenticated", "Unavailable", "UnboundLocalError", "UnicodeDecodeError", "UnicodeEncodeError", \
    "UnicodeError", "UnicodeTranslateError", "UnicodeWarning", "Unimplemented", "Unsupported", "UserWarning", "ValueError", "Warning", \
    "ZeroDivisionError", "abs", "aiter", "all", "and", "anext", "annotations", "any", "as", "ascii", "assert", "async", "asyncio", "await", "bin", "bool", \
    "break", "breakpoint", "bytearray", "bytes", "callable", "chr", "class", "classmethod", "compile", "complex", "continue", "copyright", "credits", \
    "dataclasses", "def", "del", "delattr", "dict", "dir", "divmod", "elif", "else", "enum", "enumerate", "eval", "except", "exec", "exit", "filter", \
    "finally", "find", "float", "for", "format", "from", "frozenset", "getattr", "global", "globals", "hasattr", "hash", "help", "hex", "id", "if", \
    "import", "in", "input", "int", "is", "isinstance", "issubclass", "iter", "lambda", "len", "license", "list", "locals", "map", "max", "memoryview", \
    "min", "next", "nonlocal", "not", "object", "oct", "open", "or", "ord", "os", "pass", "pow", "print", "property", "quit", "raise", "random", "range", \
    "re", "repr", "return", "reversed", "round", "select", "set", "setattr", "slice", "socket", "sorted", "staticmethod", "str", "struct", "sum", "super", \
    "threading", "time", "try", "tuple", "type", "typing", "vars", "while", "with", "yield", "zip"

#endif
