// The header fields that the service gets for calls of one kind that differ only in a few fields, for example in traceparent. The
// fields that stay the same are rewritten once, and the encoder keeps their block. Fields that change follow it, unchanged.

import { HeaderList } from '../h2/hpack/header-list.ts';
import { isNeverIndexed } from '../h2/hpack/indexing-rule.ts';
import { literalFieldText } from '../h2/hpack/literal-field.ts';
import { forwardedRequest, isLeftOut, isSentAsItCame, type RewriteTerms } from './forwarded-headers.ts';
import type { HeaderEdits } from './header-edits.ts';

/** How many names with changing values are remembered. With more of them, comparing the fields would not be worth its cost. */
const MOST_APART_NAMES = 8;
/** After this many consecutive templates that fitted no second call, the kind gets no further template. */
const MOST_IN_VAIN = 8;

/** The number and length of names whose roles are remembered. Clients choose names, so what is kept of them is bounded. */
const MOST_ROLES = 64;
const LONGEST_NAME_KEPT = 48;

/**
 * The role of a field that differs from the template's field at its place, by name. DROPPED: the service does not get the field.
 * COMMON: the call does not fit the template. APART: the field is sent apart, behind the common fields. LITERAL_APART: the field is sent
 * apart if staysApart() is true for it, otherwise the call does not fit.
 */
const Role = { DROPPED: 0, COMMON: 1, LITERAL_APART: 2, APART: 3 } as const;

/** What the forwarded header fields of a kind of call depend on. */
export interface ForwardingTerms extends RewriteTerms {
  readonly edits: HeaderEdits;
}

/** Where a call goes, and the header fields that the service is sent. */
export interface ForwardedFields {
  /** The fields that the calls have in common. The same object is used for all of them. */
  readonly fields: HeaderList;
  /** Fields of this call alone, to be sent behind `fields`: HPACK literals without indexing, one character for each byte. '' for none. */
  readonly apart: string;
  /** The size of all these fields, as HeaderList.sizeBytes counts it. */
  readonly sizeBytes: number;
}

/** Forwards all fields in their order, without a template: for HTTP/1.1 services, and for the first request of a kind. */
export function forwardWhole(list: HeaderList, forwarding: ForwardingTerms): ForwardedFields {
  const fields = rewritten(list, forwarding);
  return { fields, apart: '', sizeBytes: fields.sizeBytes };
}

function rewritten(list: HeaderList, terms: ForwardingTerms): HeaderList {
  return terms.edits.applyTo(forwardedRequest(list, terms));
}

export class ForwardTemplate {
  readonly #forwarding: ForwardingTerms;
  /** Names and values of the fields that the calls have in common, as the client sends them and in its order. */
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  /** Names of fields whose values have differed between calls. Other fields are apart if staysApart() is true for them. */
  readonly #apartNames: string[] = [];
  /** The roles of names seen lately. Bounded, because clients choose names. */
  readonly #roles = new Map<string, number>();
  #fields: HeaderList | undefined = undefined;
  #inVain = 0;
  /** The fields of the latest call that are sent apart, and their size. */
  #apart = '';
  #apartBytes = 0;

  constructor(forwarding: ForwardingTerms) {
    this.#forwarding = forwarding;
  }

  forward(list: HeaderList): ForwardedFields {
    if (this.#fields !== undefined && this.#fits(list)) {
      this.#inVain = 0;
      return this.#forwardBy(this.#fields);
    }
    if (this.#inVain >= MOST_IN_VAIN) return forwardWhole(list, this.#forwarding);
    this.#inVain++;
    this.#fields = this.#learn(list);
    return this.#fields === undefined ? forwardWhole(list, this.#forwarding) : this.#forwardBy(this.#fields);
  }

  #forwardBy(fields: HeaderList): ForwardedFields {
    return { fields, apart: this.#apart, sizeBytes: fields.sizeBytes + this.#apartBytes };
  }

  /** Whether the call has all common fields, and otherwise only dropped fields and fields that are sent apart. Gathers the latter. */
  #fits(list: HeaderList): boolean {
    const { names } = list;
    const common = this.#names;
    let at = 0;
    this.#apart = '';
    this.#apartBytes = 0;
    for (let index = 0; index < names.length; index++) {
      const name = names[index];
      if (
        at < common.length &&
        common[at] === name &&
        !staysApart(list, index) &&
        this.#values[at] === list.valueAt(index)
      ) {
        at++;
        continue;
      }
      const role = this.#roleOf(name);
      if (role === Role.DROPPED) continue;
      if (role === Role.COMMON || (role === Role.LITERAL_APART && !staysApart(list, index))) return false;
      if (list.isLiteral(index)) index = this.#gatherLiterals(list, index) - 1;
      else this.#gather(list, index);
    }
    return at === common.length;
  }

  /** Gathers a run of literals that are adjacent in their block and all sent apart. @returns the index after them */
  #gatherLiterals(list: HeaderList, first: number): number {
    const end = list.endOfLiterals(first);
    let index = first;
    while (index < end && this.#roleOf(list.names[index]) >= Role.LITERAL_APART) {
      this.#apartBytes += list.sizeAt(index);
      index++;
    }
    this.#apart += list.literals(first, index);
    return index;
  }

  #roleOf(name: string): number {
    const known = this.#roles.get(name);
    if (known !== undefined) return known;
    const role = this.#decideRole(name);
    if (name.length > LONGEST_NAME_KEPT) return role;
    if (this.#roles.size >= MOST_ROLES) this.#roles.clear();
    this.#roles.set(name, role);
    return role;
  }

  #decideRole(name: string): number {
    if (this.#isDropped(name)) return Role.DROPPED;
    // The order of fields with one name matters (RFC 9110 section 5.3), so they are either all common or all apart.
    if (!this.#mayBeApart(name) || this.#names.includes(name)) return Role.COMMON;
    return this.#apartNames.includes(name) ? Role.APART : Role.LITERAL_APART;
  }

  /** Makes this call the template. @returns undefined if fields of one name would be both common and apart */
  #learn(list: HeaderList): HeaderList | undefined {
    this.#noteChanges(list);
    const common = new HeaderList();
    this.#apart = '';
    this.#apartBytes = 0;
    const apartNames: string[] = [];
    list.names.forEach((name, index) => {
      if (this.#isDropped(name)) return;
      if (this.#isApart(name, staysApart(list, index))) {
        apartNames.push(name);
        this.#gather(list, index);
      } else common.addFrom(list, index);
    });
    if (apartNames.some((name) => common.names.includes(name))) return undefined;
    this.#names.splice(0, this.#names.length, ...common.names);
    this.#values.splice(0, this.#values.length, ...common.values);
    this.#roles.clear();
    return rewritten(common, this.#forwarding);
  }

  #gather(list: HeaderList, index: number): void {
    this.#apart += list.isLiteral(index)
      ? list.literals(index, index + 1)
      : literalFieldText(
          list.names[index],
          list.valueAt(index),
          isNeverIndexed(list.names[index], list.valueAt(index)) || list.isNeverIndexed(index),
        );
    this.#apartBytes += list.sizeAt(index);
  }

  /** Fields whose values differ from the template's are sent apart from now on. */
  #noteChanges(list: HeaderList): void {
    this.#names.forEach((name, index) => {
      const place = list.names.indexOf(name);
      if (place === -1 || list.valueAt(place) === this.#values[index] || !this.#mayBeApart(name)) return;
      if (this.#apartNames.length < MOST_APART_NAMES) this.#apartNames.push(name);
    });
  }

  #isApart(name: string, isOfThisCall: boolean): boolean {
    return isOfThisCall ? this.#mayBeApart(name) : this.#apartNames.includes(name);
  }

  #mayBeApart(name: string): boolean {
    return isSentAsItCame(name, this.#forwarding) && !this.#forwarding.edits.concerns(name);
  }

  /** Whether the service does not get fields of this name, and no field that it gets depends on them. */
  #isDropped(name: string): boolean {
    return isLeftOut(name, this.#forwarding);
  }
}

/** Whether the client indicates that the value is only for this call: it sent the field as a literal without indexing or never indexed. */
function staysApart(list: HeaderList, index: number): boolean {
  return list.isLiteral(index) || list.isNeverIndexed(index);
}
