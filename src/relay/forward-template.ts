// What the service is sent of calls of one kind that differ in a few header fields only, as all calls of a traced fleet do. The fields
// that stay the same are rewritten once, and the encoder keeps their block; those that change are sent behind it as they came.

import { HeaderList } from '../h2/hpack/header-list.ts';
import { literalFieldText } from '../h2/hpack/literal-field.ts';
import {
  type ForwardedClient,
  forwardedRequest,
  isLeftOut,
  isSentAsItCame,
  type RequestTarget,
} from './forwarded-headers.ts';
import type { HeaderEdits } from './header-edits.ts';

/** A client that changes more than so many fields by turns is not worth the walk over them. */
const MOST_APART_NAMES = 8;
/** So many templates in a row that did not serve a second call, and the kind goes without. */
const MOST_IN_VAIN = 8;

const MOST_ROLES = 128;

/**
 * What a field of this name is that is not the template's at its place. DROPPED: the service is not sent it. COMMON: the call does not
 * fit. LITERAL_APART: apart where the client says so, see staysApart. APART: in any case.
 */
const Role = { DROPPED: 0, COMMON: 1, LITERAL_APART: 2, APART: 3 } as const;

/** Where the calls of a kind go, and what becomes of their header fields. */
export interface Forwarding {
  readonly peer: ForwardedClient;
  readonly requestTarget: RequestTarget;
  readonly isGrpc: boolean;
  readonly edits: HeaderEdits;
}

/** The header fields that the service is sent. */
export interface ForwardedFields {
  /** Those that calls have in common: the same object for all of them. */
  readonly fields: HeaderList;
  /** Those of this call alone, as HPACK that needs no table, to be sent behind `fields`: one character for each byte. '' for none. */
  readonly apart: string;
  /** The size of both, as HeaderList.sizeBytes counts it. */
  readonly sizeBytes: number;
}

/** For a service that is sent all fields in the order in which they came, and for a request that comes but once. */
export function forwardWhole(list: HeaderList, forwarding: Forwarding): ForwardedFields {
  const fields = rewritten(list, forwarding);
  return { fields, apart: '', sizeBytes: fields.sizeBytes };
}

function rewritten(list: HeaderList, { peer, requestTarget, isGrpc, edits }: Forwarding): HeaderList {
  return edits.applyTo(forwardedRequest(list, peer, requestTarget, isGrpc));
}

export class ForwardTemplate {
  readonly #forwarding: Forwarding;
  /** Names and values of the request's fields that calls have in common, in their order. */
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  /** Names of fields that were met with different values. For others see staysApart. */
  readonly #apartNames: string[] = [];
  /** Of the names met lately beside the template's; clients choose them. */
  readonly #roles = new Map<string, number>();
  #fields: HeaderList | undefined = undefined;
  #inVain = 0;
  /** Of the call looked at last: its fields that are apart, and their size. */
  #apart = '';
  #apartBytes = 0;

  constructor(forwarding: Forwarding) {
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

  /** Whether the call has the template's fields, and beside them only such as are apart, which are gathered. */
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

  /** As many as follow each other in their block and are all apart. @returns the index behind them */
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
    if (this.#roles.size >= MOST_ROLES) this.#roles.clear();
    const role = this.#decideRole(name);
    this.#roles.set(name, role);
    return role;
  }

  #decideRole(name: string): number {
    if (this.#isDropped(name)) return Role.DROPPED;
    // The order of fields of one name means something (RFC 9110 section 5.3).
    if (!this.#mayBeApart(name) || this.#names.includes(name)) return Role.COMMON;
    return this.#apartNames.includes(name) ? Role.APART : Role.LITERAL_APART;
  }

  /** Makes a template of this call. @returns undefined where fields of one name would be in common and apart */
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
      : literalFieldText(list.names[index], list.valueAt(index), list.isNeverIndexed(index));
    this.#apartBytes += list.sizeAt(index);
  }

  /** Fields whose values are others than in the template are apart from now on. */
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
    const { peer, isGrpc, edits } = this.#forwarding;
    return isSentAsItCame(name, peer.trusted, isGrpc) && !edits.concerns(name);
  }

  /** The service is not sent it, and nothing that it is sent depends on it. */
  #isDropped(name: string): boolean {
    const { peer, isGrpc } = this.#forwarding;
    return isLeftOut(name, peer.trusted, isGrpc);
  }
}

/** Whether the client itself says that the value is for this call alone: by a literal that it did not index, or must never be indexed. */
function staysApart(list: HeaderList, index: number): boolean {
  return list.isLiteral(index) || list.isNeverIndexed(index);
}
