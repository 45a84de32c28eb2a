// Tells whether a header field holds a secret, by its name or its value. Such a value is never shown.

const secretName =
  /auth|cookie|token|secret|key|passw|passphrase|passcode|credential|session|jwt|signature|bearer|csrf|xsrf|dpop|saml|assertion|hmac/;
/** Too short to be looked for within other words, such as shopping or bypass. */
const secretWord = /(?:^|[-_.])(?:pass|pwd|otp|totp|pin|sid|sess|mfa|sso)(?:$|[-_.])/;
/** A scheme of HTTP authentication, with which each of several values may begin that are joined by commas. */
const scheme = /(?:^|,)\s*(?:bearer|basic|digest|negotiate|ntlm|token|apikey|dpop|aws4-hmac-sha256)\s/i;
/** What is a secret wherever it stands: a JSON Web Token, a PEM file, or tokens whose makers mark them so that they can be found. */
const marked =
  /\beyJ[\w-]{8}|-----BEGIN |\b(?:ghp|gho|ghs|github_pat|glpat|xox[abprs]|sk_live|sk-ant|AKIA)[\w-]{8}/i;
/** In a URL: the password, or a parameter whose name is that of a secret. Every part is bounded, since clients choose what is searched. */
const inUrl =
  /:\/\/[^\s/@]{0,256}:[^\s/@]{1,256}@|[?&][\w.-]{0,32}(?:auth|token|secret|key|passw|session|jwt|sig|code|pwd|otp)[\w.-]{0,32}=/i;

/** @param name in lower case */
export function isSecretName(name: string): boolean {
  return secretName.test(name) || secretWord.test(name);
}

/** @param value of a field, or several values that are joined by commas. @returns whether one looks like a secret, whatever its name is */
export function isCredential(value: string): boolean {
  return scheme.test(value) || marked.test(value) || inUrl.test(value);
}
