// Reads the numbers that a run by turns is given as options.

/** @param text the value of the option. @throws Error unless it is a whole number above 0 */
export function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(number) || number < 1)
    throw new Error(`--${option} wants a whole number above 0, and not ${JSON.stringify(text)}`);
  return number;
}
