// A block of nginx's configuration and the blocks around it. nginx takes most settings from the nearest block that has them.

import type { Directive } from './directive.ts';

export class Scope {
  /** The directive whose block this is; undefined for the whole file. */
  readonly owner: Directive | undefined;
  readonly parent: Scope | undefined;
  readonly directives: readonly Directive[];

  constructor(directives: readonly Directive[], parent?: Scope, owner?: Directive) {
    this.directives = directives;
    this.parent = parent;
    this.owner = owner;
  }

  own(name: string): readonly Directive[] {
    return this.directives.filter((directive) => directive.name === name);
  }

  /** Those of the nearest block that has one of this name. */
  inherited(...names: readonly string[]): readonly Directive[] {
    const own = this.directives.filter((directive) => names.includes(directive.name));
    return own.length > 0 ? own : (this.parent?.inherited(...names) ?? []);
  }

  /** The one that counts where nginx takes one only. */
  setting(name: string): Directive | undefined {
    return this.inherited(name).at(-1);
  }
}
