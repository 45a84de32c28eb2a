// Makes descriptors whole that name types as people write them. protobufjs, and the services whose reflection is made with it, leave names
// relative and leave out which files are imported. The descriptors may be hostile, so scopes and the work are bounded.

interface Field {
  typeName: string;
  extendee: string;
}

interface Message {
  readonly name: string;
  readonly field: readonly Field[];
  readonly extension: readonly Field[];
  readonly nestedType: readonly Message[];
  readonly enumType: readonly { readonly name: string }[];
}

/** The part of a FileDescriptorProto that has names of types. */
export interface NamingFile {
  readonly name: string;
  readonly package: string;
  readonly dependency: string[];
  readonly messageType: readonly Message[];
  readonly enumType: readonly { readonly name: string }[];
  readonly extension: readonly Field[];
  readonly service: readonly {
    readonly name: string;
    readonly method: readonly { inputType: string; outputType: string }[];
  }[];
}

/** Names in a scope: those of a package and of the messages around. */
const MOST_SCOPE_NAMES = 64;
const MOST_SCOPE_CHARACTERS = 4096;
/** The characters of all names that are made or looked up, which is about the work. */
const MOST_CHARACTERS = 50_000_000;

/**
 * Changes the files: names of types become full ones, and each file imports those whose types it uses. Throws an Error with a sentence if
 * scopes are too deep, or if there is too much to look up.
 * @param known further files, which do not change
 */
export function makeWhole(files: readonly NamingFile[], known: readonly NamingFile[]): void {
  const names = new Names();
  for (const file of [...known, ...files]) names.addFile(file);
  for (const file of files) {
    const used = qualify(file, names);
    for (const name of file.dependency) used.delete(name);
    used.delete(file.name);
    file.dependency.push(...used);
  }
}

/** The full names of all types, and the files that they are in. */
class Names {
  readonly #homes = new Map<string, string>();
  /** By scope, then by the name as it is written: many fields have the same. */
  readonly #found = new Map<string, Map<string, string>>();
  #charactersLeft = MOST_CHARACTERS;

  addFile(file: NamingFile): void {
    this.#add(file.messageType, file.enumType, { scope: scopeOf(file), home: file.name });
  }

  homeOf(fullName: string): string | undefined {
    return this.#homes.get(fullName);
  }

  /** The rule of protobuf: the innermost scope first. */
  lookUp(name: string, scope: string): string {
    if (name.startsWith('.')) return name;
    const inScope = this.#found.get(scope) ?? new Map<string, string>();
    this.#found.set(scope, inScope);
    let found = inScope.get(name);
    for (let within = scope; found === undefined; within = within.slice(0, within.lastIndexOf('.'))) {
      const full = `${within}.${name}`;
      this.#spend(full.length);
      if (within === '' || this.#homes.has(full)) found = full;
    }
    inScope.set(name, found);
    return found;
  }

  #add(
    messages: readonly Message[],
    enums: readonly { readonly name: string }[],
    { scope, home }: { readonly scope: string; readonly home: string },
  ): void {
    boundScope(scope);
    for (const { name } of [...enums, ...messages]) {
      const full = `${scope}.${name}`;
      this.#spend(full.length);
      this.#homes.set(full, home);
    }
    for (const { name, nestedType, enumType } of messages)
      this.#add(nestedType, enumType, { scope: `${scope}.${name}`, home });
  }

  #spend(characters: number): void {
    this.#charactersLeft -= characters;
    if (this.#charactersLeft < 0) throw new Error('the descriptors have too many long names of types');
  }
}

function boundScope(scope: string): void {
  if (scope.length > MOST_SCOPE_CHARACTERS)
    throw new Error(`a package or message has a name of more than ${MOST_SCOPE_CHARACTERS} characters`);
  if (scope.split('.').length > MOST_SCOPE_NAMES + 1)
    throw new Error(`a package or message is nested more than ${MOST_SCOPE_NAMES} deep`);
}

function scopeOf(file: NamingFile): string {
  return file.package === '' ? '' : `.${file.package}`;
}

/** @returns the names of the files whose types the file uses */
function qualify(file: NamingFile, names: Names): Set<string> {
  const used = new Set<string>();
  const full = (name: string, scope: string): string => {
    if (name === '') return name;
    const found = names.lookUp(name, scope);
    const home = names.homeOf(found);
    if (home !== undefined) used.add(home);
    return found;
  };
  const inField = (field: Field, scope: string): void => {
    field.typeName = full(field.typeName, scope);
    field.extendee = full(field.extendee, scope);
  };
  const inMessage = (message: Message, scope: string): void => {
    const own = `${scope}.${message.name}`;
    for (const field of [...message.field, ...message.extension]) inField(field, own);
    for (const nested of message.nestedType) inMessage(nested, own);
  };
  const scope = scopeOf(file);
  for (const message of file.messageType) inMessage(message, scope);
  for (const field of file.extension) inField(field, scope);
  for (const service of file.service)
    for (const method of service.method) {
      method.inputType = full(method.inputType, `${scope}.${service.name}`);
      method.outputType = full(method.outputType, `${scope}.${service.name}`);
    }
  return used;
}
