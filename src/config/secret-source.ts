// Where a secret of the configuration is read: in a file, or in an environment variable.

export type SecretSource =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'environment'; readonly variable: string };

/** @returns undefined unless exactly one of the two is given */
export function sourceOf(file: string | undefined, variable: string | undefined): SecretSource | undefined {
  if ((file === undefined || file === '') === (variable === undefined || variable === '')) return undefined;
  return file === undefined || file === ''
    ? { kind: 'environment', variable: variable ?? '' }
    : { kind: 'file', file };
}
