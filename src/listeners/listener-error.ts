// Why a listener cannot be opened or cannot apply new settings: a sentence, and the configuration key it is about.

export class ListenerError extends Error {
  readonly key: 'address' | 'tls';

  constructor(key: ListenerError['key'], message: string, cause?: unknown) {
    super(message, { cause });
    this.key = key;
  }
}
