// How many tokens or characters there are, for people.

/** Millions, where there are some; what is small is said to the last one. */
export const formatAmount = (value: number): string =>
  value < 1e6 ? value.toLocaleString("en-US") : `${(value / 1e6).toFixed(2)} M`;
