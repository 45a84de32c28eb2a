// What policies change of a header section: kept as a list of edits, since the section that they are applied to differs from call to
// call while the edits do not.

import type { HeaderEdit } from '../calls/policy.ts';
import { isFieldName, isFieldValue } from '../h2/field-octets.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';

export class HeaderEdits implements HeaderEdit {
  /** By name: the new value, or undefined where the field is taken away. */
  readonly #changes = new Map<string, string | undefined>();

  get isEmpty(): boolean {
    return this.#changes.size === 0;
  }

  set(name: string, value: string): void {
    if (!isFieldValue(value))
      throw new Error(`a policy has set the header field ${name} to what no field may hold`);
    this.#changes.set(checked(name), value);
  }

  remove(name: string): void {
    this.#changes.set(checked(name), undefined);
  }

  /** Whether fields of this name do not stay as they came. */
  concerns(name: string): boolean {
    return this.#changes.has(name);
  }

  /** @returns the list itself where nothing is to be changed */
  applyTo(list: HeaderList): HeaderList {
    if (this.isEmpty) return list;
    const edited = new HeaderList();
    list.names.forEach((name, index) => {
      if (!this.#changes.has(name)) edited.addFrom(list, index);
    });
    for (const [name, value] of this.#changes) if (value !== undefined) edited.add(name, value);
    return edited;
  }
}

/** Pseudo-header fields are not for policies to edit: they decide where a request goes and what it is. */
function checked(name: string): string {
  if (!isFieldName(name)) throw new Error(`a policy may not edit ${name}: it is no name of a header field`);
  return name;
}
