// The changes that policies make to a header section. They are kept as edits, because the edits of a kind of call stay the same while
// the section that they apply to differs from call to call.

import { checkField, checkName, STATUS } from '../calls/editable-field.ts';
import { hyphenated } from '../calls/field-spelling.ts';
import type { CallEdit } from '../calls/policy.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';

interface Conditional {
  readonly name: string;
  readonly value: string;
  readonly ifPresent: boolean;
}

export class HeaderEdits implements CallEdit {
  /** By name: the new value, or undefined to remove the field. */
  readonly #changes = new Map<string, string | undefined>();
  /** Fields that are added beside those of the same name. */
  readonly #additions: (readonly [name: string, value: string])[] = [];
  /**
   * The names with hyphens for underscores, since services that turn names into variables cannot distinguish the two (RFC 3875 section
   * 4.1.18).
   */
  readonly #spellings = new Set<string>();
  readonly #addedNames = new Set<string>();
  /** Edits that depend on whether the section has a field of the name. */
  readonly #conditional: Conditional[] = [];

  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.#additions.length === 0 && this.#conditional.length === 0;
  }

  set(name: string, value: string): void {
    checkField(name, value);
    this.#changes.set(name, value);
    this.#spellings.add(hyphenated(name));
  }

  add(name: string, value: string): void {
    checkField(name, value);
    this.#additions.push([name, value]);
    this.#addedNames.add(name);
  }

  setIfPresent(name: string, value: string): void {
    checkField(name, value);
    this.#conditional.push({ name, value, ifPresent: true });
  }

  addIfAbsent(name: string, value: string): void {
    checkField(name, value);
    this.#conditional.push({ name, value, ifPresent: false });
  }

  remove(name: string): void {
    checkName(name);
    if (hyphenated(name) === STATUS) throw new Error(`a policy may not take ${STATUS} away`);
    this.#changes.set(name, undefined);
    this.#spellings.add(hyphenated(name));
  }

  /** Whether an edit changes, adds or removes fields of this name. */
  concerns(name: string): boolean {
    return this.#replaces(name) || this.#addedNames.has(name);
  }

  /** @returns an edited copy, or the list itself if there are no edits */
  applyTo(list: HeaderList): HeaderList {
    if (this.isEmpty) return list;
    if (this.#conditional.length > 0) return this.#decidedFor(list).applyTo(list);
    const edited = this.#othersOf(list);
    for (const [name, value] of this.#changes) if (value !== undefined) edited.add(name, value);
    for (const [name, value] of this.#additions) edited.add(name, value);
    return edited;
  }

  /**
   * Edits the trailer section of a message whose header section was edited. A receiver may merge the two, so the trailers must not bring
   * back a field that the edits have replaced or removed.
   * @returns the list itself if it names no such field
   */
  applyToTrailers(list: HeaderList): HeaderList {
    if (this.#spellings.size === 0) return list;
    for (const name of list.names) if (this.#replaces(name)) return this.#othersOf(list);
    return list;
  }

  /**
   * The same edits for a section that will also get the fields `beside`, which it does not have yet: conditions that depend on these are
   * decided by them.
   */
  decidedBeside(beside: HeaderList): HeaderEdits {
    if (this.#conditional.length === 0) return this;
    const isBeside = ({ name }: Conditional) => !this.#replaces(name) && beside.names.includes(name);
    return this.#decided(isBeside);
  }

  /** The same edits without conditions, which are decided by what the section holds. */
  #decidedFor(list: HeaderList): HeaderEdits {
    const decided = this.#decided(({ name }) => this.#isThere(name, list));
    for (const { name, value, ifPresent } of decided.#conditional.splice(0))
      if (!ifPresent) decided.add(name, value);
    return decided;
  }

  /** Decides the conditions about fields that are there, and leaves the others. */
  #decided(isThere: (one: Conditional) => boolean): HeaderEdits {
    const decided = new HeaderEdits();
    for (const [name, value] of this.#changes) {
      if (value === undefined) decided.remove(name);
      else decided.set(name, value);
    }
    for (const [name, value] of this.#additions) decided.add(name, value);
    for (const one of this.#conditional) {
      if (!isThere(one)) decided.#conditional.push(one);
      else if (one.ifPresent) decided.set(one.name, one.value);
    }
    return decided;
  }

  /** Whether a section has a field of this name after the edits without conditions. */
  #isThere(name: string, list: HeaderList): boolean {
    if (this.#addedNames.has(name) || this.#changes.get(name) !== undefined) return true;
    return !this.#replaces(name) && list.names.includes(name);
  }

  /** Whether the fields of this name in the message go. */
  #replaces(name: string): boolean {
    return this.#spellings.has(hyphenated(name));
  }

  /** The fields that no edit replaces or removes. */
  #othersOf(list: HeaderList): HeaderList {
    const others = new HeaderList();
    list.names.forEach((name, index) => {
      if (!this.#replaces(name)) others.addFrom(list, index);
    });
    return others;
  }
}
