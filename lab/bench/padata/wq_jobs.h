/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The alternative to padata's own threads: helpers are work items on an unbound workqueue,
 * as good as they can be made without changes to workqueues. A helper that finds itself on
 * a CPU that the caller may not use gives up, and the caller queues it again after its own
 * next chunk. cancel_work() takes back the helpers that have not started, and the caller
 * waits for the others. The chunks are cut as padata cuts them.
 */

#ifndef LAB_BENCH_WQ_JOBS_H
#define LAB_BENCH_WQ_JOBS_H

#define WQ_JOB_HELPERS	3

struct wq_job {
	int			(*fn)(unsigned long start, unsigned long end,
				      void *arg);
	void			*arg;
	unsigned long		end;
	unsigned long		slice;
	unsigned int		helpers;
	const struct cpumask	*cpus;
	atomic_long_t		next;
	atomic_t		helped;		/* chunks of helpers */
	atomic_t		declined;
	struct wq_helper {
		struct work_struct	work;
		struct wq_job		*job;
		bool			gone;
	} helper[WQ_JOB_HELPERS];
};

static bool wq_job_step(struct wq_job *job)
{
	long next = atomic_long_read(&job->next);
	unsigned long left, len;

	do {
		left = job->end - next;
		if (!left)
			return false;
		len = clamp(left / 2 / (1 + job->helpers), 1UL, job->slice);
	} while (!atomic_long_try_cmpxchg(&job->next, &next, next + len));
	job->fn(next, next + len, job->arg);

	return true;
}

static void wq_job_help(struct work_struct *work)
{
	struct wq_helper *helper = container_of(work, struct wq_helper, work);
	struct wq_job *job = helper->job;

	while (cpumask_test_cpu(raw_smp_processor_id(), job->cpus)) {
		if (!wq_job_step(job))
			return;
		atomic_inc(&job->helped);
		cond_resched();
	}
	atomic_inc(&job->declined);
	WRITE_ONCE(helper->gone, true);
}

static void wq_job_send(struct workqueue_struct *wq, struct wq_helper *helper)
{
	WRITE_ONCE(helper->gone, false);
	queue_work(wq, &helper->work);
}

static void wq_job_run(struct workqueue_struct *wq, struct wq_job *job)
{
	unsigned int i;

	for (i = 0; i < job->helpers; i++) {
		job->helper[i].job = job;
		INIT_WORK_ONSTACK(&job->helper[i].work, wq_job_help);
		wq_job_send(wq, &job->helper[i]);
	}
	while (wq_job_step(job)) {
		cond_resched();
		for (i = 0; i < job->helpers; i++)
			if (READ_ONCE(job->helper[i].gone))
				wq_job_send(wq, &job->helper[i]);
	}
	for (i = 0; i < job->helpers; i++) {
		if (!cancel_work(&job->helper[i].work))
			flush_work(&job->helper[i].work);
		destroy_work_on_stack(&job->helper[i].work);
	}
}

#endif /* LAB_BENCH_WQ_JOBS_H */
