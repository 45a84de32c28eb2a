// Tells whether a header field holds a secret, by its name or its value. Such a value is never shown.

const secretName = /auth|cookie|token|secret|key|passw|credential|session|jwt|signature/;
/** A scheme of HTTP authentication, a JSON Web Token, a PEM file, or tokens whose makers mark them so that they can be found. */
const credential =
  /^\s*(?:bearer|basic|digest|negotiate)\s|\beyJ[\w-]{8,}\.[\w-]+|-----BEGIN |\b(?:ghp|gho|ghs|github_pat|glpat|xox[abprs]|sk_live|sk-ant|AKIA)[\w-]{8,}/i;

/** @param name in lower case */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/** @returns whether a value looks like a secret, whatever field it is in */
export function isCredential(value: string): boolean {
  return credential.test(value);
}
