/* Names that generated Go may not have, sorted by bytes. tests/system/test_codegen_go.py holds the lists against the runtime. */
#ifndef CELL_CODEGEN_GO_WORDS_H
#define CELL_CODEGEN_GO_WORDS_H

/* Of the package: keywords, what is predeclared. */
#define CODEGEN_GO_WORDS \
    "Schema", "_", "any", "append", "bool", "break", "byte", "cap", "case", "chan", "close", "comparable", "complex", "complex128", "complex64", "const", \
    "continue", "copy", "default", "defer", "delete", "else", "error", "fallthrough", "false", "float32", "float64", "for", "func", "go", "goto", "if", \
    "imag", "import", "init", "int", "int16", "int32", "int64", "int8", "interface", "iota", "len", "main", "make", "map", "new", "nil", "package", \
    "panic", "print", "println", "range", "real", "recover", "return", "rune", "select", "string", "struct", "switch", "true", "type", "uint", "uint16", \
    "uint32", "uint64", "uint8", "uintptr", "var"

/* Of types and values: also what the runtime has. */
#define CODEGEN_GO_PACKAGE \
    "ErrAborted", "ErrCancelled", "ErrDataLoss", "ErrDenied", "ErrExists", "ErrFault", "ErrForged", "ErrIO", "ErrIncompatible", "ErrInternal", \
    "ErrInvalid", "ErrLimit", "ErrMalformed", "ErrNoMemory", "ErrNotFound", "ErrNotLeader", "ErrPeerDead", "ErrPrecondition", "ErrRange", "ErrTimeout", \
    "ErrUnauthenticated", "ErrUnavailable", "ErrUnimplemented", "ErrUnsupported", "Error", "Find", "Schema", "Status", "StatusAborted", "StatusCancelled", \
    "StatusDataLoss", "StatusDenied", "StatusExists", "StatusFault", "StatusForged", "StatusIO", "StatusIncompatible", "StatusInternal", "StatusInvalid", \
    "StatusLimit", "StatusMalformed", "StatusNoMemory", "StatusNotFound", "StatusNotLeader", "StatusPeerDead", "StatusPrecondition", "StatusRange", \
    "StatusTimeout", "StatusUnauthenticated", "StatusUnavailable", "StatusUnimplemented", "StatusUnsupported", "_", "answer", "any", "append", \
    "backoffFirst", "backoffMax", "binary", "bit", "bool", "break", "bufio", "byte", "bytes", "bytesMax", "cap", "case", "chan", "close", "comparable", \
    "complex", "complex128", "complex64", "conn", "const", "context", "continue", "copy", "ctxError", "decodeMessage", "decoder", "default", "defer", \
    "delete", "depthMax", "else", "encodeMessage", "encoder", "error", "errors", "fallthrough", "false", "filepath", "float32", "float64", "fmt", "for", \
    "frameMax", "func", "go", "goto", "hello", "helloBack", "if", "imag", "import", "init", "int", "int16", "int32", "int64", "int8", "interface", "io", \
    "iota", "len", "link", "main", "make", "map", "math", "message", "nameForm", "net", "new", "newConn", "nil", "operation", "os", "outstandingMax", \
    "package", "panic", "parseAddress", "parseReply", "print", "println", "rand", "range", "real", "recover", "regexp", "retriesMax", "return", "rune", \
    "select", "sleep", "socketForm", "sort", "statusNames", "strconv", "string", "strings", "struct", "switch", "sync", "time", "timeoutUsual", "true", \
    "type", "uint", "uint16", "uint32", "uint64", "uint8", "uintptr", "unzigzag", "utf8", "var", "wireBytes", "wireEnd", "wireFixed32", "wireFixed64", \
    "wireGroup", "wireVarint", "zigzag"

#endif
