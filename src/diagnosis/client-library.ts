// Recognises the client library from the user-agent, so that an explanation can name the right option of that library.
// The result is a guess for texts only: nothing may be allowed or refused because of it. Of what was sent a short version is repeated
// alone.

export type ClientLibrary =
  | 'grpc-python'
  | 'grpc-go'
  | 'grpc-java'
  | 'grpc-node'
  | 'grpc-c++'
  | 'grpc-dotnet'
  | 'grpc-ruby'
  | 'grpc-php'
  | 'grpc-swift'
  | 'tonic'
  | 'connect-go'
  | 'connect-es'
  | 'grpcurl'
  | 'curl'
  | 'browser'
  | 'unknown';

/** Long enough for the name of an application before the name of its library. */
const MOST_CHARACTERS = 256;

/** Maps product names of user-agents (RFC 9110 section 10.1.5), in lower case, to libraries. */
const LIBRARIES: ReadonlyMap<string, ClientLibrary> = new Map([
  ['grpc-python', 'grpc-python'],
  ['grpc-python-asyncio', 'grpc-python'],
  ['grpc-go', 'grpc-go'],
  ['grpc-java-netty', 'grpc-java'],
  ['grpc-java-okhttp', 'grpc-java'],
  ['grpc-java-cronet', 'grpc-java'],
  ['grpc-node-js', 'grpc-node'],
  ['grpc-node', 'grpc-node'],
  ['grpc-c++', 'grpc-c++'],
  ['grpc-dotnet', 'grpc-dotnet'],
  ['grpc-ruby', 'grpc-ruby'],
  ['grpc-php', 'grpc-php'],
  ['grpc-swift', 'grpc-swift'],
  ['grpc-swift-nio', 'grpc-swift'],
  ['tonic', 'tonic'],
  ['connect-go', 'connect-go'],
  ['grpc-go-connect', 'connect-go'],
  ['connect-es', 'connect-es'],
  ['grpcurl', 'grpcurl'],
  ['curl', 'curl'],
  ['mozilla', 'browser'],
]);

export interface ClientProduct {
  readonly library: ClientLibrary;
  /** Numbers with dots, and a short suffix such as `-dev`. '' if there is none of this form. */
  readonly version: string;
}

const NO_PRODUCT: ClientProduct = { library: 'unknown', version: '' };

/** The first known product decides: grpcurl names itself before grpc-go, and an application before its library. */
export function clientProduct(userAgent: string | undefined): ClientProduct {
  if (userAgent === undefined) return NO_PRODUCT;
  for (const product of userAgent.slice(0, MOST_CHARACTERS).toLowerCase().split(' ')) {
    const [name, written = ''] = product.split('/', 2);
    const library = LIBRARIES.get(name);
    if (library === undefined) continue;
    const version = /^v?(\d{1,5}(?:\.\d{1,5}){1,2}(?:-[a-z]{1,8}\.?\d{0,4})?)$/.exec(written)?.[1] ?? '';
    // Every browser calls itself Mozilla/5.0.
    return { library, version: library === 'browser' ? '' : version };
  }
  return NO_PRODUCT;
}

export function clientLibrary(userAgent: string | undefined): ClientLibrary {
  const { library } = clientProduct(userAgent);
  return library;
}
