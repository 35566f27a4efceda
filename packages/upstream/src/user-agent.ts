/** What a provider sees when the stream does not say otherwise. */
export const DEFAULT_USER_AGENT = 'Streampool/0.1';
