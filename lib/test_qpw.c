// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for QPW: per-CPU locks and work, and the modes of CPUs
 *
 * Each CPU has a cache of nothing but counts, one per type of lock.  Threads
 * bound to the CPUs add to them, works take out of them, and what was added has
 * to be what was taken in the end: a section that did not exclude another one
 * loses a count or has it twice.
 *
 * Threads wait for each other's steps and not for time to pass, so that a busy
 * machine makes no test fail.
 */

#include <kunit/test.h>
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debug_locks.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/qpw.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/sched/rt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#define QT_DRAINS	30
#define QT_FLIPS	8
#define QT_INTERRUPTS	100
#define QT_OBJECTS	300

/* How long a test spins for an answer before it lets go and asks again */
#define QT_SPINS	1000000

/* After this a test fails; no test takes that long if all is well. */
#define QT_PATIENCE	(20 * HZ)

static bool end_lockdep;
module_param(end_lockdep, bool, 0444);
MODULE_PARM_DESC(end_lockdep, "Also run what lockdep is off after (0)");

struct qt_cache {
	qpw_lock_t		lock;
	qpw_trylock_t		trylock;
	unsigned long		count;
	unsigned long		trycount;
};

struct qt_work {
	struct qpw_struct	qpw;
	struct qt_fixture	*qt;
	int			runs;
	int			ran_on;
	struct task_struct	*ran_by;
	struct completion	started;
	struct completion	*gate;
	struct completion	done;
	struct qt_meeting	*meeting;
	bool			preemptible;
	unsigned long		taken;
	unsigned long		trytaken;
};

struct qt_adder {
	struct qt_fixture	*qt;
	struct task_struct	*task;
	unsigned long		added;
	unsigned long		tryadded;
};

/**
 * struct qt_fixture - the caches of all CPUs, and what is done to them
 * @test: The running test.
 * @caches: The caches.
 * @works: One work for each.
 * @adders: The threads that add to them.
 * @wq: The workqueue of @works, which runs one at a time.
 * @remote: The CPUs that were in remote mode before the test.
 */
struct qt_fixture {
	struct kunit			*test;
	struct qt_cache __percpu	*caches;
	struct qt_work __percpu		*works;
	struct qt_adder __percpu	*adders;
	struct workqueue_struct		*wq;
	cpumask_var_t			remote;
};

enum qt_mode { QT_LOCAL, QT_REMOTE, QT_MIXED, QT_FLIPPING };

static const char * const qt_mode_names[] = {
	[QT_LOCAL]	= "local mode",
	[QT_REMOTE]	= "remote mode",
	[QT_MIXED]	= "every other CPU in remote mode",
	[QT_FLIPPING]	= "modes that flip",
};

static const enum qt_mode qt_modes[] = {
	QT_LOCAL, QT_REMOTE, QT_MIXED, QT_FLIPPING,
};

static void qt_mode_name(const enum qt_mode *mode, char *desc)
{
	strscpy(desc, qt_mode_names[*mode], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(qt_mode, qt_modes, qt_mode_name);

static void qt_need_modes(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_QPW))
		kunit_skip(test, "needs CONFIG_QPW");
}

static int qt_need_other_cpu(struct kunit *test)
{
	int cpu = cpumask_last(cpu_online_mask);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	return cpu;
}

static void qt_set_remote(struct kunit *test, int cpu, bool remote)
{
#ifdef CONFIG_QPW
	KUNIT_ASSERT_EQ(test, qpw_set_remote(cpu, remote), 0);
	KUNIT_ASSERT_EQ(test, qpw_is_cpu_remote(cpu), remote);
#else
	KUNIT_ASSERT_FALSE(test, remote);
#endif
}

static void qt_set_modes(struct kunit *test, enum qt_mode mode)
{
	int cpu;

	if (mode != QT_LOCAL)
		qt_need_modes(test);
	for_each_possible_cpu(cpu)
		qt_set_remote(test, cpu, mode == QT_REMOTE ||
			      (mode == QT_MIXED && cpu % 2));
}

/* For tests to which modes that flip would add nothing */
static void qt_set_steady_modes(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;

	if (*mode == QT_FLIPPING)
		kunit_skip(test, "covered by other tests");
	qt_set_modes(test, *mode);
}

/* Each test runs in a thread of its own, so nobody needs to undo this. */
static void qt_stay_off(struct kunit *test, int cpu)
{
	cpumask_var_t others;

	KUNIT_ASSERT_TRUE(test, alloc_cpumask_var(&others, GFP_KERNEL));
	cpumask_copy(others, cpu_online_mask);
	cpumask_clear_cpu(cpu, others);
	set_cpus_allowed_ptr(current, others);
	free_cpumask_var(others);
}

static void qt_work_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);

	work->runs++;
	work->ran_on = raw_smp_processor_id();
	work->ran_by = current;
	complete(&work->started);
	if (work->gate)
		wait_for_completion(work->gate);
}

/* Holds a read value for a while, so that whoever is not excluded is noticed */
static void qt_add(unsigned long *count, long delta)
{
	unsigned long old = *count;
	int i;

	for (i = 0; i < 20; i++)
		cpu_relax();
	*count = old + delta;
}

static void qt_drain_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);
	struct qt_cache *cache = per_cpu_ptr(caches, cpu);
	unsigned long count, trycount;
	unsigned long flags;

	qpw_lock(&caches->lock, cpu);
	count = cache->count;
	qt_add(&cache->count, -count);
	qpw_unlock(&caches->lock, cpu);

	qpw_lock_irqsave(&caches->trylock, flags, cpu);
	trycount = cache->trycount;
	qt_add(&cache->trycount, -trycount);
	qpw_unlock_irqrestore(&caches->trylock, flags, cpu);

	work->taken += count;
	work->trytaken += trycount;
	work->runs++;
}

static struct qt_work *qt_init_work(struct qt_fixture *qt, int cpu,
				    qpw_func_t fn)
{
	struct qt_work *work = per_cpu_ptr(qt->works, cpu);

	INIT_QPW(&work->qpw, fn, cpu);
	work->qt = qt;
	work->runs = 0;
	work->gate = NULL;
	init_completion(&work->done);
	init_completion(&work->started);
	return work;
}

/* What a work must have done, by the mode that its CPU had when it was queued */
static void qt_check_run(struct kunit *test, struct qt_work *work, bool remote)
{
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	if (!remote)
		KUNIT_EXPECT_EQ(test, work->ran_on, work->qpw.cpu);
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		KUNIT_EXPECT_EQ(test, work->ran_by == current, remote);
}

static void qt_check_work(struct kunit *test, int cpu)
{
	struct qt_fixture *qt = test->priv;
	struct qt_work *work = qt_init_work(qt, cpu, qt_work_fn);
	bool remote = qpw_is_cpu_remote(cpu);

	KUNIT_EXPECT_TRUE(test, queue_percpu_work_on(cpu, qt->wq, &work->qpw));
	if (remote) {
		qt_check_run(test, work, remote);
		KUNIT_EXPECT_FALSE(test, flush_percpu_work(&work->qpw));
	} else {
		flush_percpu_work(&work->qpw);
	}
	qt_check_run(test, work, remote);
}

static void qt_test_work(struct kunit *test)
{
	int cpu;

	qt_set_steady_modes(test);
	cpus_read_lock();
	for_each_online_cpu(cpu)
		qt_check_work(test, cpu);
	cpus_read_unlock();
}

static void qt_test_works_of_all_cpus(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu;

	qt_set_steady_modes(test);
	cpus_read_lock();
	for_each_online_cpu(cpu)
		qt_init_work(qt, cpu, qt_work_fn);
	queue_percpu_work_on_cpus(cpu_online_mask, qt->wq, &qt->works->qpw);
	for_each_online_cpu(cpu) {
		struct qt_work *work = per_cpu_ptr(qt->works, cpu);

		flush_percpu_work(&work->qpw);
		qt_check_run(test, work, qpw_is_cpu_remote(cpu));
	}
	cpus_read_unlock();
}

static void qt_test_stats(struct kunit *test)
{
#ifdef CONFIG_QPW
	int cpu = cpumask_first(cpu_online_mask);
	struct qpw_stats before, after;

	qt_set_remote(test, cpu, false);
	qpw_read_stats(cpu, &before);
	qt_check_work(test, cpu);
	qpw_read_stats(cpu, &after);
	/* Drains of others may have been counted as well. */
	KUNIT_EXPECT_GE(test, after.queued, before.queued + 1);
	KUNIT_EXPECT_EQ(test, after.remote_runs, before.remote_runs);

	qt_set_remote(test, cpu, true);
	qpw_read_stats(cpu, &before);
	qt_check_work(test, cpu);
	qpw_read_stats(cpu, &after);
	KUNIT_EXPECT_EQ(test, after.queued, before.queued);
	KUNIT_EXPECT_GE(test, after.remote_runs, before.remote_runs + 1);
#else
	qt_need_modes(test);
#endif
}

static void qt_test_no_such_cpu(struct kunit *test)
{
#ifdef CONFIG_QPW
	KUNIT_EXPECT_EQ(test, qpw_set_remote(-1, true), -EINVAL);
	KUNIT_EXPECT_EQ(test, qpw_set_remote(nr_cpu_ids, true), -EINVAL);
#else
	qt_need_modes(test);
#endif
}

/* A section leaves preemption and interrupts as they were. */
static void qt_test_sections(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int count = preempt_count();
	unsigned long flags;

	qt_set_steady_modes(test);

	local_qpw_lock(&qt->caches->lock);
	KUNIT_EXPECT_TRUE(test, !preemptible() ||
			  IS_ENABLED(CONFIG_PREEMPT_RT) ||
			  !IS_ENABLED(CONFIG_PREEMPT_COUNT));
	local_qpw_unlock(&qt->caches->lock);
	KUNIT_EXPECT_EQ(test, preempt_count(), count);

	local_qpw_lock_irqsave(&qt->caches->lock, flags);
	KUNIT_EXPECT_EQ(test, irqs_disabled(), !IS_ENABLED(CONFIG_PREEMPT_RT));
	local_qpw_unlock_irqrestore(&qt->caches->lock, flags);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());

	local_qpw_lock(&qt->caches->trylock);
	KUNIT_EXPECT_FALSE(test, local_qpw_trylock(&qt->caches->trylock));
	local_qpw_unlock(&qt->caches->trylock);
	KUNIT_EXPECT_EQ(test, preempt_count(), count);

	KUNIT_ASSERT_TRUE(test, local_qpw_trylock(&qt->caches->trylock));
	local_qpw_unlock(&qt->caches->trylock);
	KUNIT_EXPECT_EQ(test, preempt_count(), count);
}

/*
 * Two threads that meet: one on a CPU that @fn is about, the other the test's
 * own on other CPUs.
 */
struct qt_meeting {
	struct qt_fixture	*qt;
	int			cpu;
	bool			held;
	bool			asked;
	bool			answered;
	bool			in_irq;
	bool			taken;
	struct completion	ready;
};

/* Of a flag by which one of the two tells the other something */
static void qt_tell(bool *flag)
{
	/* Pairs with the acquire in qt_told(). */
	smp_store_release(flag, true);
}

static bool qt_told(bool *flag)
{
	/* Pairs with the release in qt_tell(). */
	return smp_load_acquire(flag);
}

static bool qt_spin_for(bool *flag)
{
	int i;

	for (i = 0; i < QT_SPINS && !qt_told(flag); i++)
		cpu_relax();
	return qt_told(flag);
}

static void qt_wait_for(bool *flag)
{
	while (!qt_told(flag))
		cond_resched();
}

static void qt_try_and_tell(struct qt_meeting *m)
{
	struct qt_cache __percpu *caches = m->qt->caches;

	m->taken = local_qpw_trylock(&caches->trylock);
	if (m->taken)
		local_qpw_unlock(&caches->trylock);
	qt_tell(&m->answered);
}

/* In an interrupt, or in the idle task of a CPU that has nothing else to do */
static void qt_try_in_irq(void *data)
{
	struct qt_meeting *m = data;

	m->in_irq = in_hardirq();
	qt_try_and_tell(m);
}

/* On a CPU of its own: be inside a section until there has been an answer. */
static int qt_hold(void *meeting)
{
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;

	local_qpw_lock(&caches->trylock);
	qt_tell(&m->held);
	while (!qt_told(&m->answered))
		cpu_relax();
	local_qpw_unlock(&caches->trylock);
	complete(&m->ready);
	return 0;
}

static void qt_start(struct kunit *test, struct qt_meeting *m, int cpu,
		     int (*fn)(void *))
{
	struct task_struct *task;

	/* More than one may be started for a meeting. */
	if (!m->qt)
		init_completion(&m->ready);
	m->qt = test->priv;
	task = kthread_run_on_cpu(fn, m, cpu, "qpw_test/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
}

/* Neither in local nor in remote mode does an interrupt get into a section. */
static void qt_test_trylock_in_irq(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = {};

	qt_set_steady_modes(test);
	qt_stay_off(test, cpu);

	qt_start(test, &m, cpu, qt_hold);
	qt_wait_for(&m.held);
	smp_call_function_single(cpu, qt_try_in_irq, &m, true);
	KUNIT_EXPECT_TRUE(test, m.in_irq);
	KUNIT_EXPECT_TRUE(test, m.answered);
	KUNIT_EXPECT_FALSE(test, m.taken);
	wait_for_completion(&m.ready);

	smp_call_function_single(cpu, qt_try_in_irq, &m, true);
	KUNIT_EXPECT_EQ(test, m.taken,
			!(IS_ENABLED(CONFIG_PREEMPT_RT) && m.in_irq));
}

/* In a work function: try another CPU's lock while that CPU is in a section. */
static void qt_try_remotely_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);

	work->runs = qpw_trylock(&caches->trylock, cpu);
	if (!work->runs)
		return;
	work->preemptible = preemptible();
	qpw_unlock(&caches->trylock, cpu);

	qpw_lock(&caches->lock, cpu);
	work->preemptible |= preemptible();
	qpw_unlock(&caches->lock, cpu);
}

static void qt_test_owner_excludes_others(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = {};
	struct qt_work *work;

	qt_need_modes(test);
	qt_set_modes(test, QT_REMOTE);
	qt_stay_off(test, cpu);

	qt_start(test, &m, cpu, qt_hold);
	qt_wait_for(&m.held);
	work = qt_init_work(qt, cpu, qt_try_remotely_fn);
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	KUNIT_EXPECT_FALSE(test, work->runs);
	qt_tell(&m.answered);
	wait_for_completion(&m.ready);

	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	KUNIT_EXPECT_TRUE(test, work->runs);
	/* The owner need not wait for what else there is to run. */
	KUNIT_EXPECT_FALSE(test, work->preemptible);
}

/* On a CPU of its own: try the lock when asked to, until there is no more. */
static int qt_answer(void *meeting)
{
	struct qt_meeting *m = meeting;

	while (!kthread_should_stop()) {
		if (!qt_told(&m->asked)) {
			cond_resched();
			continue;
		}
		WRITE_ONCE(m->asked, false);
		qt_try_and_tell(m);
	}
	return 0;
}

/*
 * In a work function: be inside a section of another CPU's until that CPU has
 * tried to get in.  Interrupts are off, so not for ever.
 */
static void qt_hold_remotely_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	struct qt_meeting *m = work->meeting;
	int cpu = qpw_get_cpu(qpw);

	qpw_lock(&caches->trylock, cpu);
	qt_tell(&m->asked);
	work->runs = qt_spin_for(&m->answered);
	WRITE_ONCE(m->held, m->answered && m->taken);
	qpw_unlock(&caches->trylock, cpu);
	/* An answer may yet be under way. */
	if (!work->runs)
		qt_wait_for(&m->answered);
}

static void qt_test_others_exclude_owner(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct task_struct *task;
	struct qt_meeting m = { .qt = qt };
	struct qt_work *work;

	qt_need_modes(test);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "as for any spinlock");
	qt_set_modes(test, QT_REMOTE);
	qt_stay_off(test, cpu);

	task = kthread_run_on_cpu(qt_answer, &m, cpu, "qpw_test/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	do {
		m.answered = false;
		work = qt_init_work(qt, cpu, qt_hold_remotely_fn);
		work->meeting = &m;
		queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	} while (!work->runs);
	kthread_stop(task);
	KUNIT_EXPECT_FALSE(test, m.held);
}

/* In a work function */
static void qt_ask_and_lock_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);

	work->ran_on = raw_smp_processor_id();
	qt_tell(&work->meeting->asked);
	qpw_lock(&caches->trylock, cpu);
	qpw_unlock(&caches->trylock, cpu);
	work->runs++;
}

/* In an interrupt */
static void qt_answer_in_irq(void *meeting)
{
	struct qt_meeting *m = meeting;

	qt_tell(&m->answered);
}

/* Inside a section: ask a CPU that waits for its end, by interrupts. */
static int qt_hold_and_interrupt(void *meeting)
{
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;
	int i;

	local_qpw_lock(&caches->trylock);
	qt_tell(&m->held);
	while (!qt_told(&m->asked))
		cpu_relax();
	m->taken = true;
	for (i = 0; i < QT_INTERRUPTS && m->taken; i++) {
		WRITE_ONCE(m->answered, false);
		smp_call_function_single(m->cpu, qt_answer_in_irq, m, false);
		m->taken = qt_spin_for(&m->answered);
	}
	local_qpw_unlock(&caches->trylock);
	complete(&m->ready);
	return 0;
}

/* Who waits for a section's end does not keep that section from its end. */
static void qt_test_waits_with_irqs_on(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = { .cpu = cpumask_any_but(cpu_online_mask, cpu) };
	struct qt_work *work;

	qt_need_modes(test);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "waits asleep");
	qt_set_modes(test, QT_REMOTE);
	set_cpus_allowed_ptr(current, cpumask_of(m.cpu));

	qt_start(test, &m, cpu, qt_hold_and_interrupt);
	qt_wait_for(&m.held);
	work = qt_init_work(qt, cpu, qt_ask_and_lock_fn);
	work->meeting = &m;
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	KUNIT_EXPECT_EQ(test, work->ran_on, m.cpu);
	wait_for_completion(&m.ready);
	KUNIT_EXPECT_TRUE(test, m.taken);
}

#ifdef CONFIG_PREEMPT_RT
/* Inside a section, until lent a real-time priority by who waits for its end */
static int qt_hold_until_boosted(void *meeting)
{
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;

	local_qpw_lock(&caches->trylock);
	qt_tell(&m->held);
	while (!qt_told(&m->answered) && !m->taken) {
		m->taken = rt_prio(READ_ONCE(current->prio));
		cpu_relax();
	}
	local_qpw_unlock(&caches->trylock);
	complete(&m->ready);
	return 0;
}

/* Keeps those of normal priority off its CPU while others drain that */
static int qt_hog(void *meeting)
{
	unsigned long end = jiffies + QT_PATIENCE;
	struct qt_meeting *m = meeting;

	sched_set_fifo_low(current);
	qt_tell(&m->asked);
	while (!qt_told(&m->answered) && time_before(jiffies, end))
		cpu_relax();
	qt_tell(&m->answered);
	complete(&m->ready);
	return 0;
}

/*
 * A real-time task preempts the owner of a lock: it does not keep others from
 * draining that CPU for longer than the section lasts.
 */
static void qt_test_preempted_owner(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = {};
	struct qt_work *work;

	qt_set_modes(test, QT_LOCAL);
	qt_set_remote(test, cpu, true);
	qt_stay_off(test, cpu);

	qt_start(test, &m, cpu, qt_hold_until_boosted);
	qt_wait_for(&m.held);
	qt_start(test, &m, cpu, qt_hog);
	qt_wait_for(&m.asked);
	work = qt_init_work(qt, cpu, qt_ask_and_lock_fn);
	work->meeting = &m;
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	qt_tell(&m.answered);
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	wait_for_completion(&m.ready);
	wait_for_completion(&m.ready);
	KUNIT_EXPECT_TRUE(test, m.taken);
}
#else
static void qt_test_preempted_owner(struct kunit *test)
{
	kunit_skip(test, "needs PREEMPT_RT: nobody preempts an owner");
}
#endif

/* Work that has begun, or that waits behind other work, when the mode flips */
static void qt_test_flip_before_flush(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	DECLARE_COMPLETION_ONSTACK(gate);
	struct qt_work *work, *behind;

	qt_need_modes(test);
	qt_set_modes(test, QT_LOCAL);
	work = qt_init_work(qt, cpu, qt_work_fn);
	work->gate = &gate;
	behind = kunit_kzalloc(test, sizeof(*behind), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, behind);
	INIT_QPW(&behind->qpw, qt_work_fn, cpu);
	init_completion(&behind->started);

	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	queue_percpu_work_on(cpu, qt->wq, &behind->qpw);
	wait_for_completion(&work->started);
	qt_set_remote(test, cpu, true);
	KUNIT_EXPECT_EQ(test, behind->runs, 0);
	complete(&gate);

	flush_percpu_work(&behind->qpw);
	flush_percpu_work(&work->qpw);
	qt_check_run(test, work, false);
	qt_check_run(test, behind, false);

	/* And the other way round */
	work = qt_init_work(qt, cpu, qt_work_fn);
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	qt_set_remote(test, cpu, false);
	KUNIT_EXPECT_FALSE(test, flush_percpu_work(&work->qpw));
	qt_check_run(test, work, true);
}

#ifdef CONFIG_QPW
static int qt_queue(void *data)
{
	struct qt_work *work = data;

	queue_percpu_work_on(work->qpw.cpu, work->qt->wq, &work->qpw);
	complete(&work->done);
	return 0;
}

struct qt_leaver {
	int			cpu;
	int			err;
	struct completion	left;
};

static int qt_leave(void *data)
{
	struct qt_leaver *leaver = data;

	leaver->err = qpw_set_remote(leaver->cpu, false);
	complete(&leaver->left);
	return 0;
}

/*
 * A CPU does not get back to local mode while somebody drains it, and whoever
 * wants to drain it meanwhile has it do that itself.
 */
static void qt_test_leaving_waits(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_leaver leaver = { .cpu = cpu };
	DECLARE_COMPLETION_ONSTACK(gate);
	struct qt_work *work, *late;

	late = kunit_kzalloc(test, sizeof(*late), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, late);
	qt_set_modes(test, QT_REMOTE);
	init_completion(&leaver.left);
	work = qt_init_work(qt, cpu, qt_work_fn);
	work->gate = &gate;
	kthread_run(qt_queue, work, "qpw_test_queue");
	wait_for_completion(&work->started);
	kthread_run(qt_leave, &leaver, "qpw_test_leave");
	while (qpw_mode_of(cpu) == QPW_REMOTE)
		cond_resched();

	INIT_QPW(&late->qpw, qt_work_fn, cpu);
	init_completion(&late->started);
	queue_percpu_work_on(cpu, qt->wq, &late->qpw);
	flush_percpu_work(&late->qpw);
	qt_check_run(test, late, false);
	KUNIT_EXPECT_EQ(test, qpw_mode_of(cpu), QPW_LEAVING);
	KUNIT_EXPECT_FALSE(test, completion_done(&leaver.left));

	complete(&gate);
	wait_for_completion(&work->done);
	wait_for_completion(&leaver.left);
	KUNIT_EXPECT_EQ(test, leaver.err, 0);
	KUNIT_EXPECT_EQ(test, qpw_mode_of(cpu), QPW_LOCAL);
}

/* Where the drain of one CPU lasts, others are drained. */
static void qt_test_drains_are_independent(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	DECLARE_COMPLETION_ONSTACK(gate);
	struct qt_work *lasts, *other;
	bool done;

	qt_set_modes(test, QT_REMOTE);
	lasts = qt_init_work(qt, cpu, qt_work_fn);
	lasts->gate = &gate;
	kthread_run(qt_queue, lasts, "qpw_test_queue");
	wait_for_completion(&lasts->started);

	other = qt_init_work(qt, cpumask_any_but(cpu_online_mask, cpu),
			     qt_work_fn);
	kthread_run(qt_queue, other, "qpw_test_queue");
	done = wait_for_completion_timeout(&other->done, QT_PATIENCE);
	KUNIT_EXPECT_TRUE(test, done);

	complete(&gate);
	wait_for_completion(&lasts->done);
	if (!done)
		wait_for_completion(&other->done);
}
#else
static void qt_test_leaving_waits(struct kunit *test)
{
	qt_need_modes(test);
}

static void qt_test_drains_are_independent(struct kunit *test)
{
	qt_need_modes(test);
}
#endif

static int qt_adder_fn(void *data)
{
	struct qt_adder *adder = data;
	struct qt_cache __percpu *caches = adder->qt->caches;

	while (!kthread_should_stop()) {
		local_qpw_lock(&caches->lock);
		qt_add(this_cpu_ptr(&caches->count), 1);
		local_qpw_unlock(&caches->lock);
		WRITE_ONCE(adder->added, adder->added + 1);

		if (local_qpw_trylock(&caches->trylock)) {
			qt_add(this_cpu_ptr(&caches->trycount), 1);
			local_qpw_unlock(&caches->trylock);
			WRITE_ONCE(adder->tryadded, adder->tryadded + 1);
		}
		cond_resched();
	}
	return 0;
}

static void qt_start_adders(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	struct qt_adder *adder;
	int cpu;

	for_each_online_cpu(cpu) {
		adder = per_cpu_ptr(qt->adders, cpu);
		adder->qt = qt;
		adder->task = kthread_run_on_cpu(qt_adder_fn, adder, cpu,
						 "qpw_test/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, adder->task);
		/* So that whoever drains gets a turn on a busy machine, too */
		set_user_nice(adder->task, MAX_NICE);
	}
}

static void qt_stop_adders(struct qt_fixture *qt)
{
	struct qt_adder *adder;
	int cpu;

	for_each_possible_cpu(cpu) {
		adder = per_cpu_ptr(qt->adders, cpu);
		if (!IS_ERR_OR_NULL(adder->task))
			kthread_stop(adder->task);
		adder->task = NULL;
	}
}

static void qt_drain_all(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		qt_init_work(qt, cpu, qt_drain_fn);
	queue_percpu_work_on_cpus(cpu_online_mask, qt->wq, &qt->works->qpw);
	for_each_online_cpu(cpu) {
		flush_percpu_work(&per_cpu_ptr(qt->works, cpu)->qpw);
		KUNIT_EXPECT_EQ(test, per_cpu_ptr(qt->works, cpu)->runs, 1);
	}
	cpus_read_unlock();
}

/* Somebody else's interrupts, which try the locks as well */
static void qt_add_in_irq(void *data)
{
	struct qt_fixture *qt = data;

	if (!local_qpw_trylock(&qt->caches->trylock))
		return;
	qt_add(this_cpu_ptr(&qt->caches->trycount), 1);
	local_qpw_unlock(&qt->caches->trylock);
	/* No adder does this one, so the work takes it back. */
	this_cpu_dec(qt->works->trytaken);
}

static void qt_check_counts(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu;

	for_each_online_cpu(cpu) {
		struct qt_adder *adder = per_cpu_ptr(qt->adders, cpu);
		struct qt_work *work = per_cpu_ptr(qt->works, cpu);

		KUNIT_EXPECT_GT(test, adder->added, 0);
		KUNIT_EXPECT_EQ(test, adder->added, work->taken);
		KUNIT_EXPECT_EQ(test, adder->tryadded, work->trytaken);
	}
}

#ifdef CONFIG_QPW
static int qt_flipper_fn(void *data)
{
	unsigned int flips;
	int cpu;

	for (flips = 0; flips < QT_FLIPS; flips++) {
		for_each_possible_cpu(cpu)
			qpw_set_remote(cpu, (flips + cpu) % 2);
		cond_resched();
	}
	complete(data);
	return 0;
}
#endif

static void qt_start_flipper(struct kunit *test, struct completion *done)
{
#ifdef CONFIG_QPW
	struct task_struct *task;

	task = kthread_run(qt_flipper_fn, done, "qpw_test_flip");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
#endif
}

/* On a busy machine an adder may have to wait for its first turn. */
static bool qt_all_added(struct qt_fixture *qt)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (!READ_ONCE(per_cpu_ptr(qt->adders, cpu)->added))
			return false;
	return true;
}

/* Sections, interrupts, drains and flips at once: every count is taken once. */
static void qt_test_load(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;
	DECLARE_COMPLETION_ONSTACK(flipped);
	struct qt_fixture *qt = test->priv;
	int drains = 0;

	qt_set_modes(test, *mode);
	qt_start_adders(test);
	if (*mode == QT_FLIPPING)
		qt_start_flipper(test, &flipped);
	else
		complete(&flipped);
	while (drains++ < QT_DRAINS || !completion_done(&flipped) ||
	       !qt_all_added(qt)) {
		qt_drain_all(test);
		if (!IS_ENABLED(CONFIG_PREEMPT_RT))
			on_each_cpu(qt_add_in_irq, qt, true);
	}
	wait_for_completion(&flipped);
	qt_stop_adders(qt);
	qt_drain_all(test);
	qt_check_counts(test);
}

struct qt_object {
	struct rcu_head		rcu;
	char			data[100];
};

struct qt_churn {
	struct kmem_cache	*cache;
	struct qt_object	*objects[QT_OBJECTS];
};

/* Fill the caches of a CPU: with free objects, and some that wait for RCU. */
static long qt_churn(void *data)
{
	struct qt_churn *churn = data;
	int i;

	for (i = 0; i < QT_OBJECTS; i++)
		churn->objects[i] = kmem_cache_alloc(churn->cache, GFP_KERNEL);
	for (i = 0; i < QT_OBJECTS; i++) {
		if (i % 3 && churn->objects[i])
			kfree_rcu(churn->objects[i], rcu);
		else if (churn->objects[i])
			kmem_cache_free(churn->cache, churn->objects[i]);
	}
	return 0;
}

/* If a flush leaves an object behind, kmem_cache_destroy() warns. */
static void qt_destroy_one_cache(struct kunit *test, struct qt_churn *churn)
{
	int cpu;

	churn->cache = kmem_cache_create("qpw_test", sizeof(struct qt_object),
					 0, SLAB_NO_MERGE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, churn->cache);
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, qt_churn, churn);
	kmem_cache_shrink(churn->cache);
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, qt_churn, churn);
	kunit_warning_suppress(test) {
		kmem_cache_destroy(churn->cache);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
}

static void qt_test_slab(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;
	DECLARE_COMPLETION_ONSTACK(flipped);
	struct qt_churn *churn;
	int caches = 0;

	churn = kunit_kzalloc(test, sizeof(*churn), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, churn);
	qt_set_modes(test, *mode);
	if (*mode == QT_FLIPPING)
		qt_start_flipper(test, &flipped);
	else
		complete(&flipped);
	while (caches++ < 5 || !completion_done(&flipped))
		qt_destroy_one_cache(test, churn);
	wait_for_completion(&flipped);
}

#if defined(CONFIG_QPW) && defined(CONFIG_HOTPLUG_CPU)
/* Work for an offline CPU: whether it runs, and not on another one's cache */
static void qt_check_offline(struct kunit *test, int cpu, bool remote)
{
	struct qt_fixture *qt = test->priv;
	struct qt_work *work;

	qt_set_remote(test, cpu, remote);
	work = qt_init_work(qt, cpu, qt_work_fn);
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	flush_percpu_work(&work->qpw);
	KUNIT_EXPECT_EQ(test, work->runs, remote);

	/* Callbacks for dead CPUs take the lock in any mode, as a lock. */
	qpw_lock(&qt->caches->trylock, cpu);
	qpw_unlock(&qt->caches->trylock, cpu);
	KUNIT_EXPECT_TRUE(test, qpw_trylock(&qt->caches->trylock, cpu));
	qpw_unlock(&qt->caches->trylock, cpu);
}

static void qt_test_hotplug(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);

	qt_set_modes(test, QT_LOCAL);
	if (remove_cpu(cpu))
		kunit_skip(test, "CPU %d cannot be taken offline", cpu);
	qt_check_offline(test, cpu, false);
	qt_check_offline(test, cpu, true);
	qt_check_offline(test, cpu, false);
	qt_set_remote(test, cpu, true);
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);

	KUNIT_EXPECT_TRUE(test, qpw_is_cpu_remote(cpu));
	qt_check_work(test, cpu);
	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	qt_set_remote(test, cpu, false);
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
	qt_check_work(test, cpu);
}

/* Keeps works behind it from running; its CPU may go off meanwhile. */
struct qt_blocker {
	struct work_struct	work;
	struct completion	started;
	struct completion	gate;
};

static void qt_block_fn(struct work_struct *work)
{
	struct qt_blocker *blocker = container_of(work, struct qt_blocker, work);

	complete(&blocker->started);
	wait_for_completion(&blocker->gate);
}

static void qt_start_blocker(struct qt_fixture *qt, struct qt_blocker *blocker,
			     int cpu)
{
	init_completion(&blocker->started);
	init_completion(&blocker->gate);
	INIT_WORK_ONSTACK(&blocker->work, qt_block_fn);
	queue_work_on(cpu, qt->wq, &blocker->work);
	wait_for_completion(&blocker->started);
}

static void qt_end_blocker(struct qt_blocker *blocker)
{
	complete(&blocker->gate);
	flush_work(&blocker->work);
	destroy_work_on_stack(&blocker->work);
}

/*
 * Work that is pending when its CPU goes off is left to the worker, which runs
 * anywhere: not on another CPU's cache.  Only in remote mode anybody may do it.
 */
static void qt_test_offline_before_run(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;
	int cpu = qt_need_other_cpu(test);
	struct qt_fixture *qt = test->priv;
	bool remote = *mode == QT_REMOTE;
	struct qt_blocker blocker;
	struct qt_work *work;
	int err;

	if (!remote && *mode != QT_LOCAL)
		kunit_skip(test, "covered by other tests");
	qt_set_modes(test, QT_LOCAL);
	qt_start_blocker(qt, &blocker, cpu);
	work = qt_init_work(qt, cpu, qt_work_fn);
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	err = remove_cpu(cpu);
	if (!err && remote)
		err = qpw_set_remote(cpu, true);
	qt_end_blocker(&blocker);
	flush_percpu_work(&work->qpw);
	if (err)
		kunit_skip(test, "CPU %d cannot be taken offline", cpu);

	KUNIT_EXPECT_EQ(test, work->runs, remote);
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
}
#else
static void qt_test_hotplug(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_QPW and CONFIG_HOTPLUG_CPU");
}

static void qt_test_offline_before_run(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_QPW and CONFIG_HOTPLUG_CPU");
}
#endif

#ifdef CONFIG_BUFFER_HEAD
static long qt_read_block(void *file)
{
	struct block_device *bdev = file_bdev(file);

	return (long)__bread(bdev, 0, bdev_logical_block_size(bdev));
}

/* Who else than this test has a reference? */
static int qt_count_others(struct buffer_head *bh, int own)
{
	return atomic_read(&bh->b_count) - own;
}

static void qt_check_buffer_heads(struct kunit *test, struct file *file,
				  int cpu)
{
	struct buffer_head *bh, *again;

	bh = (void *)work_on_cpu(cpu, qt_read_block, file);
	KUNIT_ASSERT_NOT_NULL(test, bh);
	KUNIT_EXPECT_EQ(test, qt_count_others(bh, 1), 1);

	qt_set_remote(test, cpu, true);
	KUNIT_EXPECT_EQ(test, qt_count_others(bh, 1), 0);
	again = (void *)work_on_cpu(cpu, qt_read_block, file);
	KUNIT_EXPECT_PTR_EQ(test, again, bh);
	KUNIT_EXPECT_EQ(test, qt_count_others(bh, 2), 0);
	brelse(again);
	brelse(bh);
}

/* A CPU that enters remote mode gives its buffer heads back, and keeps none. */
static void qt_test_buffer_heads(struct kunit *test)
{
	int cpu = cpumask_last(cpu_online_mask);
	struct file *file;

	qt_need_modes(test);
	if (cpu_is_isolated(cpu))
		kunit_skip(test, "isolated CPUs never keep any");
	file = bdev_file_open_by_dev(MKDEV(RAMDISK_MAJOR, 0), BLK_OPEN_READ,
				     NULL, NULL);
	if (IS_ERR(file))
		kunit_skip(test, "needs a RAM disk");
	qt_set_modes(test, QT_LOCAL);
	invalidate_bh_lrus();
	qt_check_buffer_heads(test, file, cpu);
	bdev_fput(file);
}
#else
static void qt_test_buffer_heads(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_BUFFER_HEAD");
}
#endif

static void qt_need_lockdep(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC) || !debug_locks)
		kunit_skip(test, "needs lockdep");
}

/* Whoever locks or works for a CPU that he is not on is reported. */
static void qt_test_reports_wrong_cpu(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_work *work;

	qt_need_lockdep(test);
	qt_set_modes(test, QT_LOCAL);
	qt_stay_off(test, cpu);
	kunit_warning_suppress(test) {
		qpw_lock(&qt->caches->lock, cpu);
		qpw_unlock(&qt->caches->lock, cpu);
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
	work = qt_init_work(qt, cpu, qt_work_fn);
	kunit_warning_suppress(test) {
		(void)qpw_get_cpu(&work->qpw);
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
	if (!IS_ENABLED(CONFIG_QPW))
		return;
	/* Not even in remote mode, outside of the work function */
	qt_set_remote(test, cpu, true);
	kunit_warning_suppress(test) {
		qpw_lock(&qt->caches->lock, cpu);
		qpw_unlock(&qt->caches->lock, cpu);
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
}

/* In a work function: take the lock of one CPU while holding another one's. */
static void qt_lock_two_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);
	int other = cpumask_any_but(cpu_online_mask, cpu);

	qpw_lock(&caches->lock, cpu);
	qpw_lock(&caches->lock, other);
	qpw_unlock(&caches->lock, other);
	qpw_unlock(&caches->lock, cpu);
}

/* Lockdep knows that, too, but then has nothing to say about anything else. */
static void qt_test_reports_two_locks(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_work *work;

	qt_need_modes(test);
	if (IS_ENABLED(CONFIG_PREEMPT_RT) ||
	    IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC) ||
	    IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		kunit_skip(test, "others report it");
	qt_set_modes(test, QT_REMOTE);
	work = qt_init_work(qt, cpu, qt_lock_two_fn);
	kunit_warning_suppress(test) {
		queue_percpu_work_on(cpu, qt->wq, &work->qpw);
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
}

#if defined(CONFIG_QPW) && !defined(CONFIG_PREEMPT_RT) && \
	defined(CONFIG_DEBUG_LOCK_ALLOC)
static void qt_test_reports_flip(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;

	qt_need_lockdep(test);
	qt_set_modes(test, QT_REMOTE);
	qt_set_modes(test, QT_LOCAL);
	kunit_warning_suppress(test) {
		preempt_disable();
		local_qpw_lock(&qt->caches->lock);
		__this_cpu_write(qpw_mode, QPW_REMOTE);
		local_qpw_unlock(&qt->caches->lock);
		__this_cpu_write(qpw_mode, QPW_LOCAL);
		preempt_enable();
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
}

static void qt_test_reports_migration(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;

	qt_need_lockdep(test);
	kunit_warning_suppress(test) {
		local_qpw_lock(&qt->caches->lock);
		this_cpu_ptr(&qt->caches->lock)->cpu++;
		local_qpw_unlock(&qt->caches->lock);
		KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
}
#else
static void qt_test_reports_flip(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_QPW and lockdep, and not PREEMPT_RT");
}

static void qt_test_reports_migration(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_QPW and lockdep, and not PREEMPT_RT");
}
#endif

/*
 * What lets a section migrate: that it is preempted by nothing is for its lock
 * to see to, so it has to be undone.
 */
static unsigned int qt_allow_migration(void)
{
	unsigned int depth = 0;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT)) {
		preempt_enable();
		return 1;
	}
	for (; current->migration_disabled; depth++)
		migrate_enable();
	return depth;
}

static void qt_forbid_migration(unsigned int depth)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_disable();
	else
		while (depth--)
			migrate_disable();
}

/* PREEMPT_RT preempts unasked, and would see the section: RCU knows it. */
static void qt_relax_in_section(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		cpu_relax();
	else
		cond_resched();
}

static int qt_fetch(void *task)
{
	set_cpus_allowed_ptr(task, cpumask_of(smp_processor_id()));
	return 0;
}

/* Onto another CPU inside of a section, without a pause in which RCU would look */
static void qt_migrate_in_section(struct kunit *test, int cpu)
{
	struct qt_fixture *qt = test->priv;
	struct task_struct *fetcher;
	unsigned int depth;

	fetcher = kthread_create_on_cpu(qt_fetch, current, cpu, "qt_fetch/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fetcher);
	local_qpw_lock(&qt->caches->lock);
	depth = qt_allow_migration();
	wake_up_process(fetcher);
	while (raw_smp_processor_id() != cpu)
		qt_relax_in_section();
	qt_forbid_migration(depth);
	local_qpw_unlock(&qt->caches->lock);
}

/*
 * In every configuration lockdep reports that, as what is unlocked is not what
 * was locked; and is off from then on, until the next boot.
 */
static void qt_test_lockdep_reports_migration(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);

	qt_need_lockdep(test);
	if (!end_lockdep)
		kunit_skip(test, "needs test_qpw.end_lockdep=1, and ends lockdep");
	qt_stay_off(test, cpu);
	debug_locks_silent = 1;
	kunit_warning_suppress(test)
		qt_migrate_in_section(test, cpu);
	debug_locks_silent = 0;
	KUNIT_EXPECT_FALSE(test, debug_locks);
}

static void qt_init_locks(struct qt_fixture *qt)
{
	struct qt_cache *cache;
	int cpu;

	for_each_possible_cpu(cpu) {
		cache = per_cpu_ptr(qt->caches, cpu);
		qpw_lock_init(&cache->lock);
		qpw_trylock_init(&cache->trylock);
	}
}

static int qt_init(struct kunit *test)
{
	struct qt_fixture *qt;
	int cpu;

	qt = kunit_kzalloc(test, sizeof(*qt), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, qt);
	qt->test = test;
	test->priv = qt;
	qt->caches = alloc_percpu(struct qt_cache);
	qt->works = alloc_percpu(struct qt_work);
	qt->adders = alloc_percpu(struct qt_adder);
	qt->wq = alloc_workqueue("qpw_test", WQ_PERCPU, 1);
	if (!qt->caches || !qt->works || !qt->adders || !qt->wq ||
	    !zalloc_cpumask_var(&qt->remote, GFP_KERNEL))
		return -ENOMEM;
	qt_init_locks(qt);
	for_each_possible_cpu(cpu)
		if (qpw_is_cpu_remote(cpu))
			cpumask_set_cpu(cpu, qt->remote);
	return 0;
}

static void qt_exit(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;

	if (!qt)
		return;
	qt_stop_adders(qt);
#ifdef CONFIG_QPW
	for (int cpu = 0; cpu < nr_cpu_ids; cpu++)
		qpw_set_remote(cpu, cpumask_test_cpu(cpu, qt->remote));
#endif
	free_cpumask_var(qt->remote);
	destroy_workqueue(qt->wq);
	free_percpu(qt->adders);
	free_percpu(qt->works);
	free_percpu(qt->caches);
}

static struct kunit_case qt_cases[] = {
	KUNIT_CASE_PARAM(qt_test_work, qt_mode_gen_params),
	KUNIT_CASE_PARAM(qt_test_works_of_all_cpus, qt_mode_gen_params),
	KUNIT_CASE(qt_test_stats),
	KUNIT_CASE(qt_test_no_such_cpu),
	KUNIT_CASE_PARAM(qt_test_sections, qt_mode_gen_params),
	KUNIT_CASE_PARAM(qt_test_trylock_in_irq, qt_mode_gen_params),
	KUNIT_CASE(qt_test_owner_excludes_others),
	KUNIT_CASE(qt_test_others_exclude_owner),
	KUNIT_CASE(qt_test_waits_with_irqs_on),
	KUNIT_CASE(qt_test_preempted_owner),
	KUNIT_CASE(qt_test_flip_before_flush),
	KUNIT_CASE(qt_test_leaving_waits),
	KUNIT_CASE(qt_test_drains_are_independent),
	KUNIT_CASE_PARAM(qt_test_load, qt_mode_gen_params),
	KUNIT_CASE_PARAM_ATTR(qt_test_slab, qt_mode_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE(qt_test_hotplug),
	KUNIT_CASE_PARAM(qt_test_offline_before_run, qt_mode_gen_params),
	KUNIT_CASE(qt_test_buffer_heads),
	KUNIT_CASE(qt_test_reports_wrong_cpu),
	KUNIT_CASE(qt_test_reports_two_locks),
	KUNIT_CASE(qt_test_reports_flip),
	KUNIT_CASE(qt_test_reports_migration),
	KUNIT_CASE(qt_test_lockdep_reports_migration),
	{}
};

static struct kunit_suite qt_suite = {
	.name = "qpw",
	.init = qt_init,
	.exit = qt_exit,
	.test_cases = qt_cases,
};

kunit_test_suite(qt_suite);

#ifdef CONFIG_QPW
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
#endif
MODULE_DESCRIPTION("KUnit tests for QPW");
MODULE_LICENSE("GPL");
