// Tells from a header field's name whether it holds a secret. The value that a route requires of such a field is never shown.

const secretName = /auth|cookie|token|secret|key|passw/;

/** @param name in lower case */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}
