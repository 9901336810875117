// The settings of a recipe one by one, as trackers list them.

export type Setting = readonly [name: string, value: unknown];

/** "model.width" and its value, for every value of a recipe; a list is one value. */
export function* listSettings(value: unknown, path = ""): Generator<Setting> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    yield [path, value];
    return;
  }
  for (const [key, part] of Object.entries(value)) yield* listSettings(part, path === "" ? key : `${path}.${key}`);
}

/** The same in words. */
export function* describeSettings(recipe: unknown): Generator<[string, string]> {
  for (const [name, value] of listSettings(recipe))
    yield [name, typeof value === "string" ? value : JSON.stringify(value)];
}
