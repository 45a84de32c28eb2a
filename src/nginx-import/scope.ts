// A block of nginx's configuration and the blocks around it. nginx takes most settings from the nearest block that has them.

import type { Directive } from './directive.ts';

export class Scope {
  /** The directive whose block this is; undefined for the whole file. */
  readonly owner: Directive | undefined;
  readonly parent: Scope | undefined;
  readonly directives: readonly Directive[];

  /** A block may have thousands of directives, and is asked for each setting of each location in it. */
  readonly #byName: ReadonlyMap<string, readonly Directive[]>;

  constructor(directives: readonly Directive[], parent?: Scope, owner?: Directive) {
    this.directives = directives;
    this.parent = parent;
    this.owner = owner;
    this.#byName = Map.groupBy(directives, ({ name }) => name);
  }

  own(name: string): readonly Directive[] {
    return this.#byName.get(name) ?? [];
  }

  /** Those of the nearest block that has one of these names. */
  inherited(...names: readonly string[]): readonly Directive[] {
    if (!names.some((name) => this.#byName.has(name))) return this.parent?.inherited(...names) ?? [];
    const [only = '', ...others] = names;
    return others.length === 0 ? this.own(only) : this.directives.filter(({ name }) => names.includes(name));
  }

  /** The one that counts where nginx takes one only. */
  setting(name: string): Directive | undefined {
    return this.inherited(name).at(-1);
  }
}
