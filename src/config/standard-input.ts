// A configuration read from standard input: `-c -`. It can be read only once, so it cannot be reloaded.

export const STANDARD_INPUT = '-';

/** Files that a shell passes by descriptor (process substitution). They can be read once. */
const DESCRIPTOR = /^\/(?:dev\/(?:fd\/|stdin$)|proc\/self\/fd\/)/;

export function isReadOnce(file: string): boolean {
  return isStandardInput(file) || DESCRIPTOR.test(file);
}

export function isStandardInput(file: string): boolean {
  return file === STANDARD_INPUT;
}
