// The schemas of records in a list, which a section of a recipe is made of.

type Schemas<List extends readonly { readonly schema: unknown }[]> = {
  -readonly [Index in keyof List]: List[Index]["schema"];
};

/** As the tuple that a union of zod's takes. */
export function listSchemas<const List extends readonly { readonly schema: unknown }[]>(list: List): Schemas<List> {
  return list.map(({ schema }) => schema) as unknown as Schemas<List>;
}
