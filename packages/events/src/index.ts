export { EventFeed, type EventFeedFigures, type EventFeedOptions, type HeardEvents } from './event-feed.ts';
export { isAfter } from './event-place.ts';
export { EVENT_TYPES, isEventType, USUAL_EVENT_TYPES } from './event-types.ts';
export { labelsOf, type ShownEvent, showEvent } from './shown-event.ts';
