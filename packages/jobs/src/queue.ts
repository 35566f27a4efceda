// What needs Redis, and the hundreds of files of BullMQ: a node that has its state in a file loads none of it.
export { QueueScheduler, type QueueSchedulerOptions } from './scheduler/queue-scheduler.ts';
export { QueueTasks, type QueueTasksOptions } from './tasks/queue-tasks.ts';
