// Which header fields hold secrets, by their names: what a route asks of them is not told to anybody.

const secretName = /auth|cookie|token|secret|key|passw/;

/** @param name in lower case */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}
