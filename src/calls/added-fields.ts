// Header fields that a policy adds to the requests of single calls.

import { HeaderList } from '../h2/hpack/header-list.ts';
import { checkField } from './editable-field.ts';

/** They are checked when they are made, and calls share them, since the same fields are added to many calls. */
export class AddedFields {
  static readonly NONE = new AddedFields([]);

  /** Must not be changed. */
  readonly list = new HeaderList();

  /**
   * @param fields names in lower case, and values of one character for each byte, ASCII or UTF-8. Throws if policies may not set fields of a
   * name, or if a value contains characters that no field may contain.
   */
  constructor(fields: readonly (readonly [name: string, value: string])[]) {
    for (const [name, value] of fields) {
      checkField(name, value);
      this.list.add(name, value);
    }
  }
}
