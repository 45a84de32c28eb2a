// Turns an error of a store, or of the way to it, into a code. The text of such an error is never passed on: a server chooses it, and could
// repeat the password that it was sent.

/** First words of errors that Redis and Valkey answer with. */
const ANSWERS: ReadonlySet<string> = new Set([
  'ASK',
  'BUSY',
  'CLUSTERDOWN',
  'CROSSSLOT',
  'DENIED',
  'ERR',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'MOVED',
  'NOAUTH',
  'NOPERM',
  'NOREPLICAS',
  'NOSCRIPT',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'WRONGPASS',
  'WRONGTYPE',
]);

/** @param message of an error answer. @returns its first word, or `error_answer` for a word that no server is known to begin with */
export function answerWord(message: string): string {
  const word = /^[A-Z]{2,20}(?= |$)/.exec(message)?.[0] ?? '';
  return ANSWERS.has(word) ? word : 'error_answer';
}

/** @returns a word of Redis, a code of the system or of TLS, or one of: timeout, connection_closed, invalid_answer, no_database, failed */
export function failureReason(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  if (error.name === 'InvalidAnswer') return 'invalid_answer';
  if (error.name === 'NoDatabase') return 'no_database';
  if (error.name === 'ReplyError') return answerWord(error.message);
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,48}$/.test(code)) return code;
  if (/timed out|ETIMEDOUT/.test(error.message)) return 'timeout';
  if (/Connection is closed|writeable|closed/i.test(error.message)) return 'connection_closed';
  return 'failed';
}
