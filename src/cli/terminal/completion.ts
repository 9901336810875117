// cram completion: a script that completes verbs, options and their choices in a shell, printed from the definitions that
// commander parses with, so it cannot differ from them.

import { Argument, type Command } from "commander";
import { print } from "./output.ts";

interface CompletedOption {
  /** "-h", "--help". */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** Every value there is; none where any text or path may follow. */
  readonly choices: readonly string[];
}

interface CompletedVerb {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** Values of the first argument; none where it is a path or a text. */
  readonly choices: readonly string[];
}

const printers = { bash: printBash, zsh: printZsh, fish: printFish } as const;
type Shell = keyof typeof printers;

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("print a script that completes verbs and options in your shell")
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(printers)))
    .option("--json", "print the script in one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  cram completion bash > ~/.local/share/bash-completion/completions/cram
  cram completion zsh > ~/.zfunc/_cram          (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  cram completion fish > ~/.config/fish/completions/cram.fish

Next: open a new shell`,
    )
    .action((shell: Shell, flags: { readonly json?: boolean }) => {
      const script = printers[shell](listVerbs(program));
      print(flags.json === true ? JSON.stringify({ shell, script }) : script);
    });
}

function listVerbs(program: Command): CompletedVerb[] {
  const help = program.createHelp();
  const verbs = help.visibleCommands(program).filter(({ commands }) => commands.length === 0);
  return verbs.map(command => ({
    name: command.name(),
    description: command.description(),
    options: help.visibleOptions(command).map(({ short, long, description, required, optional, argChoices }) => ({
      flags: [short, long].filter(flag => flag !== undefined && flag !== null),
      description,
      takesValue: required || optional,
      choices: argChoices ?? [],
    })),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  }));
}

/** Where a word is no verb and no option, bash completes file names. */
function printBash(verbs: readonly CompletedVerb[]): string {
  const reply = (words: readonly string[]) => `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$word"))`;
  const values = verbs.flatMap(({ name, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map(
        ({ flags, choices }) => `    ${flags.map(flag => `"${name} ${flag}"`).join("|")}) ${reply(choices)}; return ;;`,
      ),
  );
  const flags = verbs.map(({ name, options }) => `      ${name}) ${reply(options.flatMap(option => option.flags))} ;;`);
  const choices = verbs
    .filter(verb => verb.choices.length > 0)
    .map(verb => `    ${verb.name}) ${reply(verb.choices)} ;;`);
  return `_cram() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    ${reply([...verbs.map(({ name }) => name), "--help"])}
    return
  fi
  case "$verb $before" in
${values.join("\n")}
  esac
  if [[ "$word" == -* ]]; then
    case "$verb" in
${flags.join("\n")}
    esac
    return
  fi
  case "$verb" in
${choices.join("\n")}
  esac
}
complete -o default -F _cram cram`;
}

function printZsh(verbs: readonly CompletedVerb[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const escapeMarks = (text: string) => text.replace(/[[\]:\\]/g, "\\$&");
  const values = (choices: readonly string[]) => (choices.length > 0 ? `(${choices.join(" ")})` : "_files");
  const describe = verbs.map(({ name, description }) => `    ${quote(`${name}:${escapeMarks(description)}`)}`);
  const cases = verbs.map(({ name, options, choices }) => {
    const words = options.flatMap(({ flags, description, takesValue, choices: own }) =>
      flags.map(flag => quote(`*${flag}[${escapeMarks(description)}]${takesValue ? `: :${values(own)}` : ""}`)),
    );
    return `    ${name}) _arguments ${[...words, quote(`*: :${values(choices)}`)].join(" \\\n      ")} ;;`;
  });
  return `#compdef cram
_cram() {
  local -a verbs
  verbs=(
${describe.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_cram" ]; then _cram "$@"; else compdef _cram cram; fi`;
}

function printFish(verbs: readonly CompletedVerb[]): string {
  const quote = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const describe = verbs.map(
    ({ name, description }) => `complete -c cram -f -n __fish_use_subcommand -a ${name} -d ${quote(description)}`,
  );
  const rest = verbs.flatMap(({ name, options, choices }) => {
    const start = `complete -c cram -n '__fish_seen_subcommand_from ${name}'`;
    const lines = options.map(({ flags, description, takesValue, choices: own }) => {
      const names = flags.map(flag => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      const value = own.length > 0 ? ` -x -a ${quote(own.join(" "))}` : takesValue ? " -r" : "";
      return `${start} ${names.join(" ")}${value} -d ${quote(description)}`;
    });
    return choices.length > 0 ? [...lines, `${start} -f -a ${quote(choices.join(" "))}`] : lines;
  });
  return [...describe, ...rest].join("\n");
}
