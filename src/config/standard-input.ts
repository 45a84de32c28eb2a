// A configuration that comes by standard input: `-c -`. It can be read once.

export const STANDARD_INPUT = '-';

export function isStandardInput(file: string): boolean {
  return file === STANDARD_INPUT;
}
