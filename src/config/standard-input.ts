// A configuration read from standard input: `-c -`. It can be read only once, so it cannot be reloaded.

export const STANDARD_INPUT = '-';

export function isStandardInput(file: string): boolean {
  return file === STANDARD_INPUT;
}
