export { type ResolverArguments, resolverArguments } from './arguments.ts';
export { removeLeftCookies } from './cookie-file.ts';
export { CookiesFolder } from './cookies-folder.ts';
export { findPrograms } from './find-programs.ts';
export { type FoundPrograms, KnownPrograms } from './known-programs.ts';
export { ProgramResolver, type ProgramResolverOptions } from './page-resolver.ts';
