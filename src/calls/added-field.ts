// A header field that a policy adds to the requests of single calls.

import { checkField } from './editable-field.ts';

/** It is checked when it is made, since the same field is added to many calls. */
export class AddedField {
  readonly #name: string;
  readonly #value: string;

  /**
   * @param name in lower case. Throws if policies may not set fields of this name.
   * @param value one character for each byte, ASCII or UTF-8. Throws if it contains characters that no field may contain.
   */
  constructor(name: string, value: string) {
    checkField(name, value);
    this.#name = name;
    this.#value = value;
  }

  get name(): string {
    return this.#name;
  }

  get value(): string {
    return this.#value;
  }
}
