/* What a shell needs to ask this program on every TAB. */
#include <stdio.h>
#include <string.h>

#include "cli/complete.h"
#include "common/base/macros.h"

/* bash makes words of "=" too; __complete knows. */
static const char bash_script[] =
    "# bash completion for cell, made by `cell completion bash`\n"
    "_cell() {\n"
    "    local line cur=${COMP_WORDS[COMP_CWORD]}\n"
    "    [ \"$cur\" = = ] && cur=\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :files) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=(\"$line\"); done"
    " < <(compgen -f -- \"$cur\") ;;\n"
    "        :dirs) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=(\"$line\"); done"
    " < <(compgen -d -- \"$cur\") ;;\n"
    "        :nospace) compopt -o nospace ;;\n"
    "        *) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _cell cell\n";

static const char zsh_script[] =
    "#compdef cell\n"
    "# zsh completion for cell, made by `cell completion zsh`\n"
    "_cell() {\n"
    "    local line\n"
    "    local -a found names\n"
    "    local -a extra\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :files) _files ;;\n"
    "        :dirs) _files -/ ;;\n"
    "        :nospace) extra=(-S '') ;;\n"
    "        *) names+=(\"${line%%$'\\t'*}\"); found+=(\"${line/$'\\t'/  -- }\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[1]}\" __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    (( ${#names} )) && compadd $extra -l -d found -a names\n"
    "}\n"
    "# Loaded by compinit this file is the body of _cell; sourced, it registers itself.\n"
    "if [ \"$funcstack[1]\" = _cell ]; then _cell \"$@\"; else compdef _cell cell; fi\n";

static const char fish_script[] =
    "# fish completion for cell, made by `cell completion fish`\n"
    "function __cell_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)\n"
    "        switch $line\n"
    "            case :files\n"
    "                __fish_complete_path (commandline -ct)\n"
    "            case :dirs\n"
    "                __fish_complete_directories (commandline -ct)\n"
    "            case :nospace\n"
    "            case '*'\n"
    "                echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c cell -f -a '(__cell_complete)'\n";

int cli_complete_script(struct cli *cli)
{
    static const struct {
        const char *shell;
        const char *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        if (strcmp(cli->args[0], scripts[i].shell) == 0) {
            fputs(scripts[i].script, stdout);
            return CLI_DONE;
        }
    }
    return cli_fail_usage(cli, NULL, "\"%s\" is none of bash, zsh, fish", cli->args[0]);
}
