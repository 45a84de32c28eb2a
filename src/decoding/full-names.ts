// Makes descriptors whole that name types as people write them. protobufjs, and the services whose reflection is made with it, leave names
// relative and leave out which files are imported.

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

/**
 * Changes the files: names of types become full ones, and each file imports those whose types it uses.
 * @param known further files, which do not change
 */
export function makeWhole(files: readonly NamingFile[], known: readonly NamingFile[]): void {
  const homes = new Map<string, string>();
  for (const file of [...known, ...files]) {
    const names = namesIn(file.messageType, file.enumType, scopeOf(file));
    for (const name of names) homes.set(name, file.name);
  }
  for (const file of files) {
    const used = qualify(file, homes);
    for (const name of file.dependency) used.delete(name);
    used.delete(file.name);
    file.dependency.push(...used);
  }
}

function scopeOf(file: NamingFile): string {
  return file.package === '' ? '' : `.${file.package}`;
}

function namesIn(
  messages: readonly Message[],
  enums: readonly { readonly name: string }[],
  scope: string,
): readonly string[] {
  return [
    ...enums.map(({ name }) => `${scope}.${name}`),
    ...messages.flatMap((message) => {
      const own = `${scope}.${message.name}`;
      return [own, ...namesIn(message.nestedType, message.enumType, own)];
    }),
  ];
}

/** @returns the names of the files whose types the file uses */
function qualify(file: NamingFile, homes: ReadonlyMap<string, string>): Set<string> {
  const used = new Set<string>();
  const full = (name: string, scope: string): string => {
    if (name === '') return name;
    const found = lookUp(name, scope, homes);
    const home = homes.get(found);
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

/** The rule of protobuf: the innermost scope first. */
function lookUp(name: string, scope: string, known: ReadonlyMap<string, unknown>): string {
  if (name.startsWith('.')) return name;
  for (let within = scope; ; within = within.slice(0, within.lastIndexOf('.'))) {
    const full = `${within}.${name}`;
    if (known.has(full)) return full;
    if (within === '') return full;
  }
}
