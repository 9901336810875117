// What an option of prepare is called where a person gives it, for messages: who calls the library finds the same words in its name.

/** On the command line others than in the library. */
const otherwise: Readonly<Record<string, string>> = {
  ...{ maxTokensPerCharacter: "--compressibility", filters: "--filter", repeatedBytes: "--repeated" },
  ...{ memoryBytes: "--memory", separator: "--no-separator" },
};

/** "--near-duplicates" of nearDuplicates. */
export const nameOption = (name: string): string =>
  otherwise[name] ?? `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
