// Why a listener cannot be opened, or cannot take up new settings: a sentence, and which of its keys it is about.

export class ListenerError extends Error {
  readonly key: 'address' | 'tls';

  constructor(key: ListenerError['key'], message: string, cause?: unknown) {
    super(message, { cause });
    this.key = key;
  }
}
