// cram completion: a script that completes verbs, options and their choices in a shell, printed from the definitions that
// commander parses with, so it cannot differ from them.

import { Argument, type Command, type Option } from "commander";
import { print } from "./output.ts";

/** Values, or the folders of runs, which the shell looks for when it completes. */
type Suggested = readonly string[] | "runs";
const suggestions = new WeakMap<Option | Argument, Suggested>();

/**
 * Has shells offer these values of an option or argument that takes others, too, such as files. Of one that ends in = the rest is typed.
 * Gives it.
 */
export function suggest<Taken extends Option | Argument>(taken: Taken, values: Suggested): Taken {
  suggestions.set(taken, values);
  return taken;
}

interface Completed {
  readonly description: string;
  /** Every value there is; none where any text or path may follow. */
  readonly choices: readonly string[];
  /** Values beside any text or path. */
  readonly suggestions: Suggested;
}

interface CompletedOption extends Completed {
  /** "-h", "--help". */
  readonly flags: readonly string[];
  readonly takesValue: boolean;
  /** Whether a value may be a file or a folder: else no shell offers these. */
  readonly takesPath: boolean;
}

/** With what its first argument may be. */
interface CompletedVerb extends Completed {
  readonly name: string;
  readonly options: readonly CompletedOption[];
}

const printers = { bash: printBash, zsh: printZsh, fish: printFish } as const;
type Shell = keyof typeof printers;

export function addCompletion(command: Command): void {
  command
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
      const script = printers[shell](listVerbs(command.parent!));
      print(flags.json === true ? JSON.stringify({ shell, script }) : script);
    });
}

function listVerbs(program: Command): CompletedVerb[] {
  const help = program.createHelp();
  const verbs = help.visibleCommands(program).filter(({ commands }) => commands.length === 0);
  return verbs.map(command => ({
    name: command.name(),
    description: command.description(),
    options: help.visibleOptions(command).map(option => ({
      flags: [option.short, option.long].filter(flag => flag !== undefined && flag !== null),
      description: option.description,
      takesValue: option.required || option.optional,
      takesPath: takesPath(option),
      choices: option.argChoices ?? [],
      suggestions: suggestions.get(option) ?? [],
    })),
    choices: command.registeredArguments[0]?.argChoices ?? [],
    suggestions: suggestions.get(command.registeredArguments[0]!) ?? [],
  }));
}

/** By how its value is called: "--out <folder>"; a name may be that of a recipe's file. */
const takesPath = ({ flags }: Option): boolean => /[<[](?:folder|file|path|run|name)[>\]]/.test(flags);

/** Whether a value follows it without a space: "model.width=". */
const isBeginning = (word: string) => word.endsWith("=");

/** Where a word is no verb and no option, and begins nothing that is offered, bash completes file names. */
function printBash(verbs: readonly CompletedVerb[]): string {
  const reply = (words: readonly string[]) => `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$word"))`;
  const offer = ({ choices, suggestions: beside }: Completed) => {
    if (beside === "runs") return "_cram_runs";
    return reply([...choices, ...beside]) + (beside.some(isBeginning) ? "; compopt -o nospace" : "");
  };
  const isOffered = ({ choices, suggestions: beside }: Completed) => choices.length + beside.length > 0;
  const values = verbs.flatMap(({ name, options }) =>
    options
      .filter(option => isOffered(option) || (option.takesValue && !option.takesPath))
      .map(
        option =>
          `    ${option.flags.map(flag => `"${name} ${flag}"`).join("|")}) ${isOffered(option) ? offer(option) : "compopt +o default"}; return ;;`,
      ),
  );
  const flags = verbs.map(({ name, options }) => `      ${name}) ${reply(options.flatMap(option => option.flags))} ;;`);
  const choices = verbs.filter(isOffered).map(verb => `    ${verb.name}) ${offer(verb)} ;;`);
  return `_cram_runs() {
  local each found="" IFS=$'\\n'
  for each in runs/*/recipe.json "$word"*/recipe.json; do
    if [ -e "$each" ]; then found="$found\${each%/recipe.json}"$'\\n'; fi
  done
  COMPREPLY=($(compgen -W "$(printf %s "$found" | sort -u)" -- "$word"))
  compopt -o filenames
}
_cram() {
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
  const values = ({ choices, suggestions: beside }: Completed, takesPath = true) => {
    if (beside === "runs") return "_cram_runs";
    if (choices.length > 0) return `(${choices.join(" ")})`;
    if (!takesPath && beside.length === 0) return " ";
    if (beside.some(isBeginning)) return `{compadd -S "" -- ${beside.join(" ")}}`;
    return beside.length > 0 ? `{compadd -- ${beside.join(" ")}; _files}` : "_files";
  };
  const describe = verbs.map(({ name, description }) => `    ${quote(`${name}:${escapeMarks(description)}`)}`);
  const cases = verbs.map(verb => {
    const words = verb.options.flatMap(option =>
      option.flags.map(flag =>
        quote(
          `*${flag}[${escapeMarks(option.description)}]${option.takesValue ? `: :${values(option, option.takesPath)}` : ""}`,
        ),
      ),
    );
    return `    ${verb.name}) _arguments ${[...words, quote(`*: :${values(verb)}`)].join(" \\\n      ")} ;;`;
  });
  return `#compdef cram
_cram_runs() {
  local -a found
  found=(runs/*/recipe.json(N:h) $PREFIX*/recipe.json(N:h))
  compadd -- $found
  _files
}
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
  const list = (beside: Suggested) => quote(beside === "runs" ? "(__cram_runs)" : beside.join(" "));
  const rest = verbs.flatMap(({ name, options, choices, suggestions: offered }) => {
    const start = `complete -c cram -n '__fish_seen_subcommand_from ${name}'`;
    const lines = options.map(({ flags, description, takesValue, takesPath, choices: own, suggestions: beside }) => {
      const names = flags.map(flag => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      const some = beside.length > 0 ? ` -a ${list(beside)}` : "";
      const value =
        own.length > 0
          ? ` -x -a ${quote(own.join(" "))}`
          : takesValue
            ? ` -${takesPath || beside === "runs" ? "r" : "x"}${some}`
            : "";
      return `${start} ${names.join(" ")}${value} -d ${quote(description)}`;
    });
    if (offered.length > 0) lines.push(`${start} -a ${list(offered)}`);
    return choices.length > 0 ? [...lines, `${start} -f -a ${quote(choices.join(" "))}`] : lines;
  });
  const findRuns = `function __cram_runs
  set -l word (commandline -ct)
  for each in runs/*/recipe.json $word*/recipe.json
    path dirname $each
  end
end`;
  return [findRuns, ...describe, ...rest].join("\n");
}
