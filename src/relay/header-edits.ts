// The changes that policies make to a header section. They are kept as edits, because the edits of a kind of call stay the same while
// the section that they apply to differs from call to call.

import { hyphenated } from '../calls/field-spelling.ts';
import type { CallEdit } from '../calls/policy.ts';
import { isFieldName, isFieldValue, OF_ONE_CONNECTION } from '../h2/field-bytes.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import { isUtf8 } from './utf8.ts';

/**
 * Fields that say where a message ends, whom it is for, or how long it may take. Each hop writes its own: if a message stated two
 * different lengths, two hops would disagree about where the next message begins (request smuggling).
 */
const OF_THE_HOP: ReadonlySet<string> = new Set([
  ...OF_ONE_CONNECTION,
  'content-length',
  'expect',
  'grpc-timeout',
  'host',
  'te',
  'trailer',
  'x-request-id',
]);

/** Only the service sets the status of a gRPC call. A response without it is invalid. */
const STATUS = 'grpc-status';

/** What a message is read as. It is replaced, but never lost by another spelling of its name. */
const CONTENT_TYPE = 'content-type';

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
    return list.names.some((name) => this.#replaces(name)) ? this.#othersOf(list) : list;
  }

  /**
   * The same edits for a section that will also get the fields `beside`, which it does not have yet: conditions that depend on these are
   * decided by them.
   */
  decidedBeside(beside: HeaderList): HeaderEdits {
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

/**
 * Whether another service may have this field set, which has no say in how gRPC works between the client and the service. Unlike
 * `checkField` it does not throw.
 * @param name in lower case
 */
export function maySetField(name: string, value: string): boolean {
  return mayNameField(name) && isSendable(value);
}

/** Whether another service may have fields of this name removed. @param name in lower case */
export function mayNameField(name: string): boolean {
  // An edit concerns all spellings of a name.
  const written = hyphenated(name);
  if (written === CONTENT_TYPE && name !== written) return false;
  return isFieldName(name) && !OF_THE_HOP.has(written) && !written.startsWith('grpc-');
}

/** Throws if a policy may not set this field, because it would break the message or a connection that other clients share. */
export function checkField(name: string, value: string): void {
  checkName(name);
  const written = hyphenated(name);
  if (OF_THE_HOP.has(written) || written === STATUS)
    throw new Error(`a policy may not set ${name}: the proxy writes it itself`);
  if (!isSendable(value))
    throw new Error(`a policy has set the header field ${name} to what no field may hold`);
}

/** Throws for names that policies may not edit, such as pseudo-header fields, which decide where a request goes. */
export function checkName(name: string): void {
  if (!isFieldName(name)) throw new Error(`a policy may not name ${name}: it is no name of a header field`);
}

/**
 * Whether a value can be sent. One character stands for one byte, as everywhere in header lists: the encoder would truncate others, and
 * turn U+010A into a line feed. White space at either end is forbidden by HTTP/2 (RFC 9113 section 8.2.1). The bytes must be UTF-8, since
 * some services close their connection because of other bytes.
 */
function isSendable(value: string): boolean {
  if (!isFieldValue(value) || value !== value.trim()) return false;
  let highest = 0;
  for (let index = 0; index < value.length; index++) highest = Math.max(highest, value.charCodeAt(index));
  return highest < 0x80 || (highest <= 0xff && isUtf8(value));
}
