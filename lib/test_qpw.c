// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for QPW: per-CPU locks and work, and the modes of CPUs
 *
 * The cache of each CPU consists of counters, one for each type of lock.
 * Threads that are bound to the CPUs increment the counters, and works drain
 * them.  In the end the sums must match: if two critical sections overlap, an
 * increment is lost or drained twice.
 *
 * Threads wait for each other's steps and not for time to pass, so no test
 * fails because the machine is busy.
 */

#include <kunit/test.h>
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/major.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/nmi.h>
#include <linux/pagemap.h>
#include <linux/percpu.h>
#include <linux/qpw.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/isolation.h>
#include <linux/sched/rt.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/swap.h>
#include <linux/workqueue.h>
#include <trace/events/qpw.h>

#ifdef CONFIG_X86_LOCAL_APIC
#include <asm/apic.h>
#endif

#ifndef MODULE
/* lru_cache_disable() */
#include "../mm/internal.h"
#endif

#define QT_DRAINS	30
#define QT_BH_DRAINS	2000
#define QT_FLIPS	8
#define QT_FOLIOS	15
#define QT_FOLIO_ROUNDS	1000
#define QT_INTERRUPTS	100
#define QT_OBJECTS	300
#define QT_QUEUED	64

/* How often a test polls for an answer before it gives up and asks again */
#define QT_SPINS	1000000

/*
 * How long an owner lets a drainer wait, and how long the drainer then holds
 * the lock
 */
#define QT_WAIT_MS	20
#define QT_HOLD_US	200

/* The maximum number of attempts to make a drainer wait half of that time */
#define QT_WAITS	20

/* How long an owner keeps its lock if no report comes */
#define QT_REPORT_PATIENCE	(5 * HZ)

/* A test fails after this time; a test that passes does not take that long. */
#define QT_PATIENCE	(20 * HZ)

static bool end_lockdep;
module_param(end_lockdep, bool, 0444);
MODULE_PARM_DESC(end_lockdep, "Also run tests that disable lockdep (default: 0)");

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
	bool			tried;
	unsigned long		taken;
	unsigned long		trytaken;
	struct qt_intruder	*intruder;
};

/**
 * struct qt_intruder - interrupts of owners while a drainer holds their locks
 * @csd: The interrupt.
 * @caches: The caches.
 * @asked: How often the drainer sent it.
 * @answered: The value of @asked that the interrupt saw.
 * @in_irq: The function ran in an interrupt, not in a poll of the idle task.
 * @taken: It got the lock.
 * @met: How often an interrupt found the lock held.
 * @breaches: How often an interrupt got the lock although it was held.
 */
struct qt_intruder {
	call_single_data_t		csd;
	struct qt_cache __percpu	*caches;
	unsigned long			asked;
	unsigned long			answered;
	bool				in_irq;
	bool				taken;
	unsigned long			met;
	unsigned long			breaches;
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
 * @intruders: Interrupts that try their locks while a drainer holds them.
 * @wq: The workqueue of @works, which runs one at a time.
 * @remote: The CPUs that were in remote mode before the test.
 */
struct qt_fixture {
	struct kunit			*test;
	struct qt_cache __percpu	*caches;
	struct qt_work __percpu		*works;
	struct qt_adder __percpu	*adders;
	struct qt_intruder __percpu	*intruders;
	struct workqueue_struct		*wq;
	cpumask_var_t			remote;
};

enum qt_mode { QT_LOCAL, QT_REMOTE, QT_MIXED, QT_FLIPPING };

static const char * const qt_mode_names[] = {
	[QT_LOCAL]	= "local mode",
	[QT_REMOTE]	= "remote mode",
	[QT_MIXED]	= "every other CPU in remote mode",
	[QT_FLIPPING]	= "modes that change during the test",
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
		kunit_skip(test, "requires CONFIG_QPW");
}

static int qt_need_other_cpu(struct kunit *test)
{
	int cpu = cpumask_last(cpu_online_mask);

	if (num_online_cpus() < 2)
		kunit_skip(test, "requires two CPUs");
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

/* For tests that gain nothing from modes that flip */
static void qt_set_steady_modes(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;

	if (*mode == QT_FLIPPING)
		kunit_skip(test, "other tests cover this mode");
	qt_set_modes(test, *mode);
}

/* Each test runs in its own thread, so this need not be undone. */
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

/* Waits between the read and the write, to expose a lack of mutual exclusion */
static void qt_add(unsigned long *count, long delta)
{
	unsigned long old = *count;
	int i;

	for (i = 0; i < 20; i++)
		cpu_relax();
	*count = old + delta;
}

/* In an interrupt of the owner, while a drainer holds the lock */
static void qt_intrude(void *data)
{
	struct qt_intruder *intruder = data;
	struct qt_cache __percpu *caches = intruder->caches;
	unsigned long asked = READ_ONCE(intruder->asked);

	intruder->in_irq = in_hardirq();
	intruder->taken = local_qpw_trylock(&caches->trylock);
	if (intruder->taken)
		local_qpw_unlock(&caches->trylock);
	/* Pairs with the acquire in qt_interrupt_owner(). */
	smp_store_release(&intruder->answered, asked);
}

/*
 * With the owner's lock held: let an interrupt of the owner try it.  Interrupts
 * are disabled here, so do not wait for it forever.
 */
static void qt_interrupt_owner(struct qt_intruder *intruder, int cpu)
{
	unsigned long asked = intruder->asked + 1;
	int i;

	if (cpu == raw_smp_processor_id() || IS_ENABLED(CONFIG_PREEMPT_RT))
		return;
	WRITE_ONCE(intruder->asked, asked);
	if (smp_call_function_single_async(cpu, &intruder->csd))
		return;
	for (i = 0; i < QT_SPINS && READ_ONCE(intruder->answered) != asked; i++)
		cpu_relax();
	/* Pairs with the release in qt_intrude(). */
	if (smp_load_acquire(&intruder->answered) != asked)
		return;
	intruder->breaches += intruder->taken;
	intruder->met += intruder->in_irq && !intruder->taken;
}

static void qt_drain_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);
	struct qt_cache *cache = per_cpu_ptr(caches, cpu);
	unsigned long trycount;

	if (work->taken % 2) {
		guard(qpw_lock)(&caches->lock, cpu);
		work->taken += cache->count;
		qt_add(&cache->count, -cache->count);
	} else {
		guard(qpw_lock_irq)(&caches->lock, cpu);
		work->taken += cache->count;
		qt_add(&cache->count, -cache->count);
	}

	qpw_lock_irq(&caches->trylock, cpu);
	trycount = cache->trycount;
	qt_interrupt_owner(work->intruder, cpu);
	qt_add(&cache->trycount, -trycount);
	qpw_unlock_irq(&caches->trylock, cpu);

	work->trytaken += trycount;
	work->runs++;
}

static struct qt_work *qt_init_work(struct qt_fixture *qt, int cpu,
				    qpw_func_t fn)
{
	struct qt_work *work = per_cpu_ptr(qt->works, cpu);

	INIT_QPW(&work->qpw, fn, cpu);
	work->qt = qt;
	work->intruder = per_cpu_ptr(qt->intruders, cpu);
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
		KUNIT_EXPECT_EQ(test, flush_percpu_work(&work->qpw),
				QPW_FLUSH_IDLE);
	} else {
		KUNIT_EXPECT_NE(test, flush_percpu_work(&work->qpw),
				QPW_FLUSH_DROPPED);
		KUNIT_EXPECT_EQ(test, flush_percpu_work(&work->qpw),
				QPW_FLUSH_IDLE);
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

static void qt_queue_and_flush_all(struct qt_fixture *qt)
{
	int cpu;

	lockdep_assert_cpus_held();
	queue_percpu_work_on_cpus(cpu_online_mask, qt->wq, &qt->works->qpw);
	for_each_online_cpu(cpu)
		flush_percpu_work(&per_cpu_ptr(qt->works, cpu)->qpw);
}

static void qt_test_works_of_all_cpus(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu;

	qt_set_steady_modes(test);
	guard(cpus_read_lock)();
	for_each_online_cpu(cpu)
		qt_init_work(qt, cpu, qt_work_fn);
	qt_queue_and_flush_all(qt);
	for_each_online_cpu(cpu)
		qt_check_run(test, per_cpu_ptr(qt->works, cpu),
			     qpw_is_cpu_remote(cpu));
}

#ifdef CONFIG_QPW
/*
 * Queues many works for @cpu, and returns how many are reported as queued and
 * how many as run remotely.
 */
static void qt_count_works(struct kunit *test, int cpu, unsigned long *queued,
			   unsigned long *remote_runs)
{
	struct qpw_stats before, after;
	int i;

	qpw_read_stats(cpu, &before);
	for (i = 0; i < QT_QUEUED; i++)
		qt_check_work(test, cpu);
	qpw_read_stats(cpu, &after);
	*queued = after.queued - before.queued;
	*remote_runs = after.remote_runs - before.remote_runs;
}

/*
 * So few other works run in the meantime that the counters show whether each
 * work is counted once.
 */
static void qt_test_stats(struct kunit *test)
{
	int cpu = cpumask_first(cpu_online_mask);
	unsigned long queued, remote_runs;

	qt_set_remote(test, cpu, false);
	qt_count_works(test, cpu, &queued, &remote_runs);
	KUNIT_EXPECT_GE(test, queued, QT_QUEUED);
	KUNIT_EXPECT_LT(test, queued, QT_QUEUED + QT_QUEUED / 2);
	KUNIT_EXPECT_EQ(test, remote_runs, 0);

	qt_set_remote(test, cpu, true);
	qt_count_works(test, cpu, &queued, &remote_runs);
	KUNIT_EXPECT_EQ(test, queued, 0);
	KUNIT_EXPECT_GE(test, remote_runs, QT_QUEUED);
	KUNIT_EXPECT_LT(test, remote_runs, QT_QUEUED + QT_QUEUED / 2);
}
#else
static void qt_test_stats(struct kunit *test)
{
	qt_need_modes(test);
}
#endif

static void qt_test_no_such_cpu(struct kunit *test)
{
#ifdef CONFIG_QPW
	KUNIT_EXPECT_EQ(test, qpw_set_remote(-1, true), -EINVAL);
	KUNIT_EXPECT_EQ(test, qpw_set_remote(nr_cpu_ids, true), -EINVAL);
#else
	qt_need_modes(test);
#endif
}

/* A critical section restores the state of preemption and interrupts. */
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

	local_qpw_lock_irq(&qt->caches->lock);
	KUNIT_EXPECT_EQ(test, irqs_disabled(), !IS_ENABLED(CONFIG_PREEMPT_RT));
	local_qpw_unlock_irq(&qt->caches->lock);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());

	local_bh_disable();
	local_qpw_lock_nested_bh(&qt->caches->lock);
	local_qpw_unlock_nested_bh(&qt->caches->lock);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, preempt_count(), count);

	local_qpw_lock(&qt->caches->trylock);
	KUNIT_EXPECT_FALSE(test, local_qpw_trylock(&qt->caches->trylock));
	local_qpw_unlock(&qt->caches->trylock);
	KUNIT_EXPECT_EQ(test, preempt_count(), count);

	KUNIT_ASSERT_TRUE(test, local_qpw_trylock(&qt->caches->trylock));
	local_qpw_unlock(&qt->caches->trylock);
	KUNIT_EXPECT_EQ(test, preempt_count(), count);
}

/* A guard takes its lock, and releases it at the end of its scope. */
static void qt_test_guards(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	qpw_lock_t __percpu *lock = &qt->caches->lock;
	bool irqs_off = !IS_ENABLED(CONFIG_PREEMPT_RT);
	int count = preempt_count();

	qt_set_steady_modes(test);
	scoped_guard(local_qpw_lock, lock) {
		KUNIT_EXPECT_FALSE(test, irqs_disabled());
		qpw_lockdep_assert_held(lock);
	}
	scoped_guard(local_qpw_lock_irq, lock) {
		KUNIT_EXPECT_EQ(test, irqs_disabled(), irqs_off);
		qpw_lockdep_assert_held(lock);
	}
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
	local_irq_disable();
	if (irqs_off) {
		scoped_guard(local_qpw_lock_irqsave, lock)
			qpw_lockdep_assert_held(lock);
	}
	KUNIT_EXPECT_TRUE(test, irqs_disabled());
	local_irq_enable();
	local_bh_disable();
	scoped_guard(local_qpw_lock_nested_bh, lock)
		qpw_lockdep_assert_held(lock);
	local_bh_enable();

	migrate_disable();
	scoped_guard(qpw_lock, lock, smp_processor_id())
		qpw_lockdep_assert_held(lock);
	scoped_guard(qpw_lock_irq, lock, smp_processor_id()) {
		KUNIT_EXPECT_EQ(test, irqs_disabled(), irqs_off);
		qpw_lockdep_assert_held(lock);
	}
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
	migrate_enable();
	KUNIT_EXPECT_EQ(test, preempt_count(), count);
}

/* A qpw_trylock_t is as small as a local_trylock_t. */
static void qt_test_size(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC) || IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "requires !DEBUG_LOCK_ALLOC and !PREEMPT_RT");
	KUNIT_EXPECT_EQ(test, sizeof(qpw_trylock_t), 1);
	KUNIT_EXPECT_EQ(test, sizeof(qpw_trylock_t), sizeof(local_trylock_t));
	KUNIT_EXPECT_LE(test, sizeof(qpw_lock_t), 1);
}

/*
 * Two threads that interact: one on the CPU that is tested, and the thread of
 * the test on another CPU.
 */
struct qt_meeting {
	struct qt_fixture	*qt;
	int			cpu;
	bool			held;
	bool			asked;
	bool			answered;
	bool			in_irq;
	bool			in_nmi;
	bool			taken;
	bool			waiters;
	struct completion	ready;
};

/* Sets a flag by which one of the two threads notifies the other. */
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

/* On its own CPU: stay in a critical section until there has been an answer. */
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

	/* Several threads may be started for a meeting. */
	if (!m->qt)
		init_completion(&m->ready);
	m->qt = test->priv;
	task = kthread_run_on_cpu(fn, m, cpu, "qpw_test/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
}

/* An interrupt cannot enter a critical section, in local or in remote mode. */
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

#ifdef CONFIG_X86_LOCAL_APIC
static struct qt_meeting *qt_nmi_meeting;

static int qt_try_in_nmi(unsigned int val, struct pt_regs *regs)
{
	struct qt_meeting *m = READ_ONCE(qt_nmi_meeting);

	if (raw_smp_processor_id() != m->cpu || qt_told(&m->answered))
		return NMI_DONE;
	m->in_nmi = in_nmi();
	qt_try_and_tell(m);
	return NMI_HANDLED;
}

static void qt_need_nmi(struct kunit *test, struct qt_meeting *m)
{
	int err;

	WRITE_ONCE(qt_nmi_meeting, m);
	err = register_nmi_handler(NMI_LOCAL, qt_try_in_nmi, NMI_FLAG_FIRST,
				   "qpw_test");
	KUNIT_ASSERT_EQ(test, err, 0);
}

static void qt_end_nmi(void)
{
	unregister_nmi_handler(NMI_LOCAL, "qpw_test");
}

static void qt_send_nmi(struct qt_meeting *m)
{
	__apic_send_IPI_mask(cpumask_of(m->cpu), NMI_VECTOR);
}
#else
static void qt_need_nmi(struct kunit *test, struct qt_meeting *m)
{
	kunit_skip(test, "requires CONFIG_X86_LOCAL_APIC, to send an NMI");
}

static void qt_end_nmi(void) { }
static void qt_send_nmi(struct qt_meeting *m) { }
#endif

/* An NMI on the owner cannot enter a critical section, in local or in remote mode. */
static void qt_test_trylock_in_nmi(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = { .cpu = cpu };

	qt_set_steady_modes(test);
	qt_stay_off(test, cpu);
	qt_need_nmi(test, &m);

	qt_start(test, &m, cpu, qt_hold);
	qt_wait_for(&m.held);
	qt_send_nmi(&m);
	wait_for_completion(&m.ready);
	KUNIT_EXPECT_TRUE(test, m.in_nmi);
	KUNIT_EXPECT_FALSE(test, m.taken);

	m.answered = false;
	m.in_nmi = false;
	qt_send_nmi(&m);
	qt_wait_for(&m.answered);
	KUNIT_EXPECT_TRUE(test, m.in_nmi);
	KUNIT_EXPECT_EQ(test, m.taken, !IS_ENABLED(CONFIG_PREEMPT_RT));
	qt_end_nmi();
}

/* In a work function: with another CPU's lock held, send that CPU an NMI. */
static void qt_hold_and_send_nmi_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	struct qt_meeting *m = work->meeting;
	int cpu = qpw_get_cpu(qpw);

	qpw_lock(&caches->trylock, cpu);
	qt_send_nmi(m);
	work->runs = qt_spin_for(&m->answered);
	WRITE_ONCE(m->held, m->answered && m->taken);
	qpw_unlock(&caches->trylock, cpu);
	if (!work->runs)
		qt_wait_for(&m->answered);
}

static void qt_test_others_exclude_nmi(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = { .qt = qt, .cpu = cpu };
	struct qt_work *work;

	qt_need_modes(test);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "requires !PREEMPT_RT, where an NMI may take the lock");
	qt_set_modes(test, QT_REMOTE);
	qt_stay_off(test, cpu);
	qt_need_nmi(test, &m);
	do {
		m.answered = false;
		work = qt_init_work(qt, cpu, qt_hold_and_send_nmi_fn);
		work->meeting = &m;
		queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	} while (!work->runs);
	qt_end_nmi();
	KUNIT_EXPECT_TRUE(test, m.in_nmi);
	KUNIT_EXPECT_FALSE(test, m.held);
}

/*
 * In a work function: try another CPU's lock while that CPU is in a critical
 * section.
 */
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
	/* Otherwise the owner may have to wait for other tasks that run here. */
	KUNIT_EXPECT_FALSE(test, work->preemptible);
}

/* On its own CPU: try the lock each time the drainer asks, until it is done. */
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
 * In a work function: hold another CPU's lock until that CPU has tried it.
 * Interrupts are disabled, so do not wait forever.
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
	/* An answer may still be in progress. */
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
		kunit_skip(test, "requires !PREEMPT_RT, where the lock has a lock word");
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

/* Queues work for a CPU that takes part in a meeting. */
static struct qt_work *qt_drain_at(struct kunit *test, struct qt_meeting *m,
				   int cpu, qpw_func_t fn)
{
	struct qt_fixture *qt = test->priv;
	struct qt_work *work = qt_init_work(qt, cpu, fn);

	work->meeting = m;
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	return work;
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

/* In a critical section: send interrupts to the CPU that waits for its end. */
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

/*
 * A drainer that waits for a lock keeps interrupts enabled, so the owner can
 * finish.
 */
static void qt_test_waits_with_irqs_on(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = { .cpu = cpumask_any_but(cpu_online_mask, cpu) };
	struct qt_work *work;

	qt_need_modes(test);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "requires !PREEMPT_RT, where a drainer spins");
	qt_set_modes(test, QT_REMOTE);
	set_cpus_allowed_ptr(current, cpumask_of(m.cpu));

	qt_start(test, &m, cpu, qt_hold_and_interrupt);
	qt_wait_for(&m.held);
	work = qt_drain_at(test, &m, cpu, qt_ask_and_lock_fn);
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	KUNIT_EXPECT_EQ(test, work->ran_on, m.cpu);
	wait_for_completion(&m.ready);
	KUNIT_EXPECT_TRUE(test, m.taken);
}

#if defined(CONFIG_QPW) && defined(CONFIG_TRACEPOINTS)
/**
 * struct qt_timing - a lock that a drainer waits for and holds
 * @meeting: The owner and the drainer.
 * @drainer: The task that drains, from before it asks to after its release.
 * @asked: The drainer's clock before it asks for the lock.
 * @locked: Its clock when it has the lock.
 * @done: Its clock before it releases the lock.
 * @released: Its clock after that.
 * @lock: The lock.
 * @events: How many tracepoints fired meanwhile.
 * @late: How many of them fired when the lock was free again.
 * @cpu: The CPU that the last one reported.
 * @wait: The wait that it reported.
 * @hold: The hold that it reported.
 */
struct qt_timing {
	struct qt_meeting	meeting;
	struct task_struct	*drainer;
	u64			asked;
	u64			locked;
	u64			done;
	u64			released;
	qpw_trylock_t __percpu	*lock;
	int			events;
	int			late;
	int			cpu;
	u64			wait;
	u64			hold;
};

static bool qt_is_locked(qpw_trylock_t __percpu *lock, int cpu)
{
#ifdef CONFIG_PREEMPT_RT
	return rt_mutex_base_is_locked(&per_cpu_ptr(lock, cpu)->lock);
#else
	return qpw_is_locked((qpw_lock_t *)per_cpu_ptr(lock, cpu));
#endif
}

static void qt_trace_hold(void *timing, int cpu, u64 wait, u64 hold)
{
	struct qt_timing *t = timing;

	if (READ_ONCE(t->drainer) != current)
		return;
	t->events++;
	t->late += !qt_is_locked(t->lock, cpu);
	t->cpu = cpu;
	t->wait = wait;
	t->hold = hold;
}

static void qt_end_trace(void *timing)
{
	unregister_trace_qpw_remote_hold(qt_trace_hold, timing);
	tracepoint_synchronize_unregister();
}

static struct qt_timing *qt_start_trace(struct kunit *test)
{
	struct qt_timing *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, 0,
			register_trace_qpw_remote_hold(qt_trace_hold, t));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, qt_end_trace, t));
	return t;
}

/* In a work function: take the lock, or only @try it, and read the clock. */
static void qt_lock_and_time(struct qpw_struct *qpw, bool try)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	qpw_trylock_t __percpu *lock = &work->qt->caches->trylock;
	struct qt_timing *t;
	int cpu = qpw_get_cpu(qpw);

	t = container_of(work->meeting, struct qt_timing, meeting);
	t->lock = lock;
	WRITE_ONCE(t->drainer, current);
	t->asked = local_clock();
	qt_tell(&t->meeting.asked);
	work->tried = true;
	if (!try)
		qpw_lock(lock, cpu);
	else
		work->tried = qpw_trylock(lock, cpu);
	t->locked = local_clock();
	if (work->tried) {
		udelay(QT_HOLD_US);
		t->done = local_clock();
		qpw_unlock(lock, cpu);
	}
	t->released = local_clock();
	WRITE_ONCE(t->drainer, NULL);
}

static void qt_lock_and_time_fn(struct qpw_struct *qpw)
{
	qt_lock_and_time(qpw, false);
}

static void qt_try_and_time_fn(struct qpw_struct *qpw)
{
	qt_lock_and_time(qpw, true);
}

/* On its own CPU: let a drainer wait for the end of a critical section. */
static int qt_delay_drainer(void *meeting)
{
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;

	local_qpw_lock(&caches->trylock);
	qt_tell(&m->held);
	while (!qt_told(&m->asked))
		cpu_relax();
	mdelay(QT_WAIT_MS);
	local_qpw_unlock(&caches->trylock);
	complete(&m->ready);
	return 0;
}

/* What the tracepoint reports agrees with what the drainer measured around it. */
static void qt_check_timing(struct kunit *test, struct qt_timing *t, int cpu)
{
	KUNIT_EXPECT_EQ(test, t->events, 1);
	KUNIT_EXPECT_EQ(test, t->late, 1);
	KUNIT_EXPECT_EQ(test, t->cpu, cpu);
	KUNIT_EXPECT_LE(test, t->wait, t->locked - t->asked);
	KUNIT_EXPECT_GE(test, t->hold, t->done - t->locked);
	KUNIT_EXPECT_LE(test, t->wait + t->hold, t->released - t->asked);
}

static void qt_test_trace_hold(struct kunit *test)
{
	const u64 enough = QT_WAIT_MS * NSEC_PER_MSEC / 2;
	int i, cpu = qt_need_other_cpu(test);
	struct qt_timing *t;

	qt_set_modes(test, QT_REMOTE);
	qt_stay_off(test, cpu);
	t = qt_start_trace(test);

	/* A drainer that is preempted before it asks does not wait that long. */
	for (i = 0; i < QT_WAITS && t->wait < enough; i++) {
		memset(t, 0, sizeof(*t));
		qt_start(test, &t->meeting, cpu, qt_delay_drainer);
		qt_wait_for(&t->meeting.held);
		qt_drain_at(test, &t->meeting, cpu, qt_lock_and_time_fn);
		wait_for_completion(&t->meeting.ready);
		qt_check_timing(test, t, cpu);
	}
	KUNIT_EXPECT_GE(test, t->wait, enough);
}

/* The tracepoint reports only locks of other CPUs that a drainer has acquired. */
static void qt_test_trace_trylock(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	struct qt_timing *t;
	struct qt_work *work;

	qt_set_modes(test, QT_REMOTE);
	qt_stay_off(test, cpu);
	t = qt_start_trace(test);

	work = qt_drain_at(test, &t->meeting, cpu, qt_try_and_time_fn);
	KUNIT_EXPECT_TRUE(test, work->tried);
	qt_check_timing(test, t, cpu);

	memset(t, 0, sizeof(*t));
	qt_start(test, &t->meeting, cpu, qt_hold);
	qt_wait_for(&t->meeting.held);
	work = qt_drain_at(test, &t->meeting, cpu, qt_try_and_time_fn);
	qt_tell(&t->meeting.answered);
	wait_for_completion(&t->meeting.ready);
	KUNIT_EXPECT_FALSE(test, work->tried);
	KUNIT_EXPECT_EQ(test, t->events, 0);

	qt_set_remote(test, cpu, false);
	work = qt_drain_at(test, &t->meeting, cpu, qt_lock_and_time_fn);
	flush_percpu_work(&work->qpw);
	KUNIT_EXPECT_TRUE(test, work->tried);
	KUNIT_EXPECT_EQ(test, t->events, 0);
}
#else
static void qt_test_trace_hold(struct kunit *test)
{
	kunit_skip(test, "requires CONFIG_QPW and CONFIG_TRACEPOINTS");
}

static void qt_test_trace_trylock(struct kunit *test)
{
	kunit_skip(test, "requires CONFIG_QPW and CONFIG_TRACEPOINTS");
}
#endif

#ifdef CONFIG_PREEMPT_RT
/* Puts one CPU into remote mode, and no other.  The test runs on another CPU. */
static int qt_one_remote_cpu(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);

	qt_set_modes(test, QT_LOCAL);
	qt_set_remote(test, cpu, true);
	qt_stay_off(test, cpu);
	return cpu;
}

/* Stays in a critical section until a waiter lends this task a real-time priority. */
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

/* Keeps tasks of normal priority off its CPU while another CPU drains that CPU */
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
 * A real-time task preempts the owner of a lock.  It delays a drain of that CPU
 * only until the critical section ends.
 */
static void qt_test_preempted_owner(struct kunit *test)
{
	int cpu = qt_one_remote_cpu(test);
	struct qt_meeting m = {};
	struct qt_work *work;

	qt_start(test, &m, cpu, qt_hold_until_boosted);
	qt_wait_for(&m.held);
	qt_start(test, &m, cpu, qt_hog);
	qt_wait_for(&m.asked);
	work = qt_drain_at(test, &m, cpu, qt_ask_and_lock_fn);
	qt_tell(&m.answered);
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	wait_for_completion(&m.ready);
	wait_for_completion(&m.ready);
	KUNIT_EXPECT_TRUE(test, m.taken);
}

static bool qt_has_waiters(qpw_trylock_t *lock)
{
	unsigned long owner;

	/* The drainer may become a waiter at any time. */
	owner = (unsigned long)data_race(READ_ONCE(lock->lock.owner));

	return owner & RT_MUTEX_HAS_WAITERS;
}

/*
 * Checks, in a critical section inside the gate, whether the drainer queues at
 * the lock.
 */
static int qt_hold_in_gate(void *meeting)
{
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;
	int i;

	preempt_disable();
	m->taken = qpw_nolock_begin();
	if (m->taken && !local_qpw_trylock(&caches->trylock)) {
		qpw_nolock_end();
		m->taken = false;
	}
	qt_tell(&m->held);
	while (!qt_told(&m->asked))
		cpu_relax();
	if (m->taken) {
		for (i = 0; i < QT_SPINS && !m->waiters; i++)
			m->waiters = qt_has_waiters(this_cpu_ptr(&caches->trylock));
		local_qpw_unlock(&caches->trylock);
		qpw_nolock_end();
	}
	preempt_enable();
	complete(&m->ready);
	return 0;
}

/*
 * An owner that must not wake up a drainer has no waiting drainer.  If the
 * drainer starts very late, the test passes without a check.  It never fails by
 * mistake.
 */
static void qt_test_gate_keeps_waiters_out(struct kunit *test)
{
	int cpu = qt_one_remote_cpu(test);
	struct qt_meeting m = {};
	struct qt_work *work;

	qt_start(test, &m, cpu, qt_hold_in_gate);
	qt_wait_for(&m.held);
	work = qt_drain_at(test, &m, cpu, qt_ask_and_lock_fn);
	wait_for_completion(&m.ready);
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	KUNIT_EXPECT_TRUE(test, m.taken);
	KUNIT_EXPECT_FALSE(test, m.waiters);
}

/* In an interrupt, which cannot be preempted */
static void qt_enter_gate(void *meeting)
{
	struct qt_meeting *m = meeting;

	m->taken = qpw_nolock_begin();
	if (m->taken)
		qpw_nolock_end();
}

/* In a work function: in a critical section, and after it */
static void qt_hold_and_ask_gate_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	struct qt_meeting *m = work->meeting;
	int cpu = qpw_get_cpu(qpw);

	qpw_lock(&caches->trylock, cpu);
	smp_call_function_single(cpu, qt_enter_gate, m, true);
	qpw_unlock(&caches->trylock, cpu);
	m->answered = m->taken;

	work->tried = qpw_trylock(&caches->trylock, cpu);
	if (work->tried) {
		smp_call_function_single(cpu, qt_enter_gate, m, true);
		qpw_unlock(&caches->trylock, cpu);
	}
	m->held = m->taken;

	smp_call_function_single(cpu, qt_enter_gate, m, true);
	work->runs++;
}

/* The gate is closed while a drainer holds a lock of the CPU, and only then. */
static void qt_test_drainer_closes_gate(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = {};
	struct qt_work *work;

	qt_set_modes(test, QT_LOCAL);
	smp_call_function_single(cpu, qt_enter_gate, &m, true);
	KUNIT_EXPECT_TRUE(test, m.taken);

	qt_set_remote(test, cpu, true);
	smp_call_function_single(cpu, qt_enter_gate, &m, true);
	KUNIT_EXPECT_TRUE(test, m.taken);

	work = qt_drain_at(test, &m, cpu, qt_hold_and_ask_gate_fn);
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	KUNIT_EXPECT_TRUE(test, work->tried);
	KUNIT_EXPECT_FALSE(test, m.answered);
	KUNIT_EXPECT_FALSE(test, m.held);
	KUNIT_EXPECT_TRUE(test, m.taken);
}

/* A task of the CPU waits for its lock, which a drainer or another task holds. */
static int qt_wait_for_lock(void *meeting)
{
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;

	qt_wait_for(&m->held);
	local_qpw_lock(&caches->trylock);
	local_qpw_unlock(&caches->trylock);
	complete(&m->ready);
	return 0;
}

/* With preemption disabled, so a task that waits does not run meanwhile */
static void qt_try_with_waiter(struct qt_meeting *m)
{
	struct qt_cache __percpu *caches = m->qt->caches;

	m->waiters = qt_has_waiters(this_cpu_ptr(&caches->trylock));
	m->taken = local_qpw_trylock(&caches->trylock);
	if (m->taken)
		local_qpw_unlock(&caches->trylock);
}

/* The drainer has released the lock, but the task that waits has not run yet. */
static int qt_try_before_waiter(void *meeting)
{
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;

	qt_wait_for(&m->held);
	while (!qt_has_waiters(per_cpu_ptr(&caches->trylock, m->cpu)))
		cond_resched();
	preempt_disable();
	qt_tell(&m->asked);
	while (!qpw_nolock_begin())
		cpu_relax();
	qt_try_with_waiter(m);
	qpw_nolock_end();
	preempt_enable();
	complete(&m->ready);
	return 0;
}

/* In a work function */
static void qt_hold_until_asked_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);

	qpw_lock(&caches->trylock, cpu);
	qt_tell(&work->meeting->held);
	while (!qt_told(&work->meeting->asked))
		cpu_relax();
	qpw_unlock(&caches->trylock, cpu);
	work->runs++;
}

/* The owner releases the lock, and tries it before the task that waits runs. */
static int qt_try_after_release(void *meeting)
{
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;

	local_qpw_lock(&caches->trylock);
	qt_tell(&m->held);
	while (!qt_has_waiters(per_cpu_ptr(&caches->trylock, m->cpu)))
		cpu_relax();
	preempt_disable();
	local_qpw_unlock(&caches->trylock);
	qt_try_with_waiter(m);
	preempt_enable();
	complete(&m->ready);
	return 0;
}

static void qt_test_nolock_heeds_local_waiters(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = { .cpu = cpu };

	qt_set_modes(test, QT_LOCAL);
	qt_stay_off(test, cpu);

	qt_start(test, &m, cpu, qt_wait_for_lock);
	qt_start(test, &m, cpu, qt_try_after_release);
	wait_for_completion(&m.ready);
	wait_for_completion(&m.ready);
	KUNIT_EXPECT_TRUE(test, m.waiters);
	KUNIT_EXPECT_FALSE(test, m.taken);
}

/* A caller that must not wake up a task takes no lock that a task waits for. */
static void qt_test_nolock_heeds_waiters(struct kunit *test)
{
	int cpu = qt_one_remote_cpu(test);
	struct qt_meeting m = { .cpu = cpu };
	struct qt_work *work;

	qt_start(test, &m, cpu, qt_wait_for_lock);
	qt_start(test, &m, cpu, qt_try_before_waiter);
	work = qt_drain_at(test, &m, cpu, qt_hold_until_asked_fn);
	wait_for_completion(&m.ready);
	wait_for_completion(&m.ready);
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	KUNIT_EXPECT_TRUE(test, m.waiters);
	KUNIT_EXPECT_FALSE(test, m.taken);
}
#else
static void qt_test_preempted_owner(struct kunit *test)
{
	kunit_skip(test, "requires PREEMPT_RT, where an owner can be preempted");
}

static void qt_test_gate_keeps_waiters_out(struct kunit *test)
{
	kunit_skip(test, "requires PREEMPT_RT, where a drainer sleeps");
}

static void qt_test_drainer_closes_gate(struct kunit *test)
{
	kunit_skip(test, "requires PREEMPT_RT, where a drainer sleeps");
}

static void qt_test_nolock_heeds_waiters(struct kunit *test)
{
	kunit_skip(test, "requires PREEMPT_RT, where a waiting task sleeps");
}

static void qt_test_nolock_heeds_local_waiters(struct kunit *test)
{
	kunit_skip(test, "requires PREEMPT_RT, where a waiting task sleeps");
}
#endif

/* Keeps later works from running; its CPU may go offline meanwhile. */
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

/* Work is set up once and queued many times, even while it is pending. */
static void qt_test_queue_often(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;
	int cpu = cpumask_last(cpu_online_mask);
	struct qt_fixture *qt = test->priv;
	bool remote = *mode == QT_REMOTE;
	struct qt_blocker blocker;
	struct qt_work *work;
	int i;

	if (!remote && *mode != QT_LOCAL)
		kunit_skip(test, "other tests cover this mode");
	qt_set_modes(test, *mode);
	work = qt_init_work(qt, cpu, qt_work_fn);
	qt_start_blocker(qt, &blocker, cpu);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, remote || !i,
				queue_percpu_work_on(cpu, qt->wq, &work->qpw));
	KUNIT_EXPECT_EQ(test, work->runs, remote ? 3 : 0);
	qt_end_blocker(&blocker);
	flush_percpu_work(&work->qpw);
	KUNIT_EXPECT_EQ(test, work->runs, remote ? 3 : 1);

	KUNIT_EXPECT_TRUE(test, queue_percpu_work_on(cpu, qt->wq, &work->qpw));
	flush_percpu_work(&work->qpw);
	KUNIT_EXPECT_EQ(test, work->runs, remote ? 4 : 2);
}

/* Lets a work end once @task sleeps to wait for it. */
struct qt_opener {
	struct task_struct	*task;
	struct completion	*gate;
	bool			asked;
};

static int qt_open(void *data)
{
	struct qt_opener *opener = data;

	qt_wait_for(&opener->asked);
	while (task_is_running(opener->task))
		cond_resched();
	complete(opener->gate);
	return 0;
}

static void qt_test_flush_waits(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(gate);
	struct qt_opener opener = { .task = current, .gate = &gate };
	int cpu = cpumask_first(cpu_online_mask);
	struct qt_fixture *qt = test->priv;
	struct task_struct *task;
	struct qt_work *work;

	qt_set_modes(test, QT_LOCAL);
	work = qt_init_work(qt, cpu, qt_work_fn);
	work->gate = &gate;
	task = kthread_run(qt_open, &opener, "qpw_test_open");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	get_task_struct(task);
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	wait_for_completion(&work->started);
	qt_tell(&opener.asked);
	KUNIT_EXPECT_EQ(test, flush_percpu_work(&work->qpw), QPW_FLUSH_WAITED);
	KUNIT_EXPECT_EQ(test, flush_percpu_work(&work->qpw), QPW_FLUSH_IDLE);
	kthread_stop_put(task);
}

/* A thread that queues the works of all CPUs while other threads queue them, too */
struct qt_sharer {
	struct qt_fixture	*qt;
	struct completion	done;
};

static int qt_share(void *data)
{
	struct qt_sharer *sharer = data;
	struct qt_cache __percpu *caches = sharer->qt->caches;
	int i;

	for (i = 0; i < QT_DRAINS; i++) {
		scoped_guard(local_qpw_lock, &caches->lock)
			qt_add(this_cpu_ptr(&caches->count), 1);
		scoped_guard(cpus_read_lock)
			qt_queue_and_flush_all(sharer->qt);
	}
	complete(&sharer->done);
	return 0;
}

static void qt_drain_shared_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);
	struct qt_cache *cache = per_cpu_ptr(caches, cpu);

	guard(qpw_lock)(&caches->lock, cpu);
	work->taken += cache->count;
	qt_add(&cache->count, -cache->count);
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

/* If modes are to flip, @done completes after that, otherwise immediately. */
static void qt_start_flipper(struct kunit *test, enum qt_mode mode,
			     struct completion *done)
{
#ifdef CONFIG_QPW
	struct task_struct *task;

	if (mode == QT_FLIPPING) {
		task = kthread_run(qt_flipper_fn, done, "qpw_test_flip");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
		return;
	}
#endif
	complete(done);
}

/*
 * Several callers queue the same works: nothing is lost or taken twice.  When a
 * flush returns, another caller may be about to queue the work, so only the last
 * drain is sure to find everything.
 */
static void qt_test_shared_works(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;
	DECLARE_COMPLETION_ONSTACK(flipped);
	struct qt_fixture *qt = test->priv;
	struct qt_sharer *sharers, *sharer;
	struct task_struct *task;
	int cpu;

	sharers = kunit_kcalloc(test, nr_cpu_ids, sizeof(*sharers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sharers);
	qt_set_modes(test, *mode);
	for_each_possible_cpu(cpu)
		qt_init_work(qt, cpu, qt_drain_shared_fn);
	for_each_online_cpu(cpu) {
		sharer = &sharers[cpu];
		sharer->qt = qt;
		init_completion(&sharer->done);
		task = kthread_run_on_cpu(qt_share, sharer, cpu, "qpw_test/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	}
	qt_start_flipper(test, *mode, &flipped);
	for_each_online_cpu(cpu)
		wait_for_completion(&sharers[cpu].done);
	wait_for_completion(&flipped);
	scoped_guard(cpus_read_lock)
		qt_queue_and_flush_all(qt);
	for_each_online_cpu(cpu)
		KUNIT_EXPECT_EQ(test, per_cpu_ptr(qt->works, cpu)->taken,
				QT_DRAINS);
}

/* For callers that must not wait: it only tries the lock. */
static void qt_try_drain_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);

	work->ran_on = raw_smp_processor_id();
	work->ran_by = current;
	work->runs++;
	if (!qpw_trylock(&caches->trylock, cpu))
		return;
	work->trytaken++;
	qpw_unlock(&caches->trylock, cpu);
}

static bool qt_queue_nowait(struct qt_work *work)
{
	guard(rcu)();
	guard(preempt)();
	return queue_percpu_work_on_nowait(work->qpw.cpu, work->qt->wq,
					   &work->qpw);
}

/* The work runs in a caller that must not sleep, and does not wait for the owner. */
static void qt_test_nowait(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = {};
	struct qt_work *work;

	qt_need_modes(test);
	qt_set_modes(test, QT_REMOTE);
	qt_stay_off(test, cpu);
	work = qt_init_work(qt, cpu, qt_try_drain_fn);
	work->trytaken = 0;

	qt_start(test, &m, cpu, qt_hold);
	qt_wait_for(&m.held);
	KUNIT_EXPECT_TRUE(test, qt_queue_nowait(work));
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	KUNIT_EXPECT_PTR_EQ(test, work->ran_by, current);
	KUNIT_EXPECT_EQ(test, work->trytaken, 0);
	qt_tell(&m.answered);
	wait_for_completion(&m.ready);

	KUNIT_EXPECT_TRUE(test, qt_queue_nowait(work));
	KUNIT_EXPECT_EQ(test, work->runs, 2);
	KUNIT_EXPECT_EQ(test, work->trytaken, 1);
	KUNIT_EXPECT_EQ(test, flush_percpu_work(&work->qpw), QPW_FLUSH_IDLE);
}

static void qt_test_nowait_in_local_mode(struct kunit *test)
{
	int cpu = cpumask_last(cpu_online_mask);
	struct qt_fixture *qt = test->priv;
	struct qt_blocker blocker;
	struct qt_work *work;

	qt_set_modes(test, QT_LOCAL);
	work = qt_init_work(qt, cpu, qt_try_drain_fn);
	work->trytaken = 0;
	qt_start_blocker(qt, &blocker, cpu);
	KUNIT_EXPECT_TRUE(test, qt_queue_nowait(work));
	KUNIT_EXPECT_FALSE(test, qt_queue_nowait(work));
	KUNIT_EXPECT_EQ(test, work->runs, 0);
	qt_end_blocker(&blocker);
	flush_percpu_work(&work->qpw);
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	KUNIT_EXPECT_EQ(test, work->ran_on, cpu);
	KUNIT_EXPECT_EQ(test, work->trytaken, 1);
}

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
 * A CPU does not return to local mode while another CPU drains it.  A drain
 * that starts in the meantime queues work on the CPU.
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

/* Like a drainer that takes a raw spinlock, but can be preempted */
struct qt_rcu_drainer {
	int			cpu;
	bool			inside;
	enum qpw_mode		mode;
	struct completion	done;
};

/* Takes so long that the CPU would enter local mode if it did not wait for this. */
static int qt_drain_in_rcu(void *data)
{
	struct qt_rcu_drainer *drainer = data;
	int cpu = drainer->cpu;
	unsigned long end;

	rcu_read_lock();
	if (qpw_is_cpu_remote(cpu))
		qt_tell(&drainer->inside);
	while (qpw_is_cpu_remote(cpu))
		cpu_relax();
	end = jiffies + HZ / 5;
	while (qpw_mode_of(cpu) != QPW_LOCAL && time_before(jiffies, end))
		cpu_relax();
	drainer->mode = qpw_mode_of(cpu);
	rcu_read_unlock();
	complete(&drainer->done);
	return 0;
}

/* See qpw_owner_needs_lock(). */
static void qt_test_leaving_waits_for_rcu(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	struct qt_rcu_drainer drainer = { .cpu = cpu };

	if (!IS_ENABLED(CONFIG_PREEMPT_RCU))
		kunit_skip(test, "requires CONFIG_PREEMPT_RCU");
	qt_set_modes(test, QT_REMOTE);
	init_completion(&drainer.done);
	kthread_run(qt_drain_in_rcu, &drainer, "qpw_test_drain");
	qt_wait_for(&drainer.inside);
	qt_set_remote(test, cpu, false);
	wait_for_completion(&drainer.done);
	KUNIT_EXPECT_EQ(test, drainer.mode, QPW_LEAVING);
	KUNIT_EXPECT_EQ(test, qpw_mode_of(cpu), QPW_LOCAL);
}

/* While the drain of one CPU is stalled, other CPUs are drained. */
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

static void qt_test_leaving_waits_for_rcu(struct kunit *test)
{
	qt_need_modes(test);
}

static void qt_test_drains_are_independent(struct kunit *test)
{
	qt_need_modes(test);
}
#endif

/* In each of the ways to take the lock of this CPU */
static void qt_add_by(struct qt_cache __percpu *caches, unsigned long way)
{
	switch (way % 4) {
	case 0:
		scoped_guard(local_qpw_lock, &caches->lock)
			qt_add(this_cpu_ptr(&caches->count), 1);
		break;
	case 1:
		scoped_guard(local_qpw_lock_irq, &caches->lock)
			qt_add(this_cpu_ptr(&caches->count), 1);
		break;
	case 2:
		scoped_guard(local_qpw_lock_irqsave, &caches->lock)
			qt_add(this_cpu_ptr(&caches->count), 1);
		break;
	case 3:
		local_bh_disable();
		scoped_guard(local_qpw_lock_nested_bh, &caches->lock)
			qt_add(this_cpu_ptr(&caches->count), 1);
		local_bh_enable();
		break;
	}
}

static int qt_adder_fn(void *data)
{
	struct qt_adder *adder = data;
	struct qt_cache __percpu *caches = adder->qt->caches;

	while (!kthread_should_stop()) {
		qt_add_by(caches, adder->added);
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
		/* So that the drainers get to run even on a busy machine */
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

	guard(cpus_read_lock)();
	for_each_online_cpu(cpu)
		qt_init_work(qt, cpu, qt_drain_fn);
	qt_queue_and_flush_all(qt);
	for_each_online_cpu(cpu)
		KUNIT_EXPECT_EQ(test, per_cpu_ptr(qt->works, cpu)->runs, 1);
}

/* In an interrupt that is unrelated to the adders, and tries the locks as well */
static void qt_add_in_irq(void *data)
{
	struct qt_fixture *qt = data;

	if (!local_qpw_trylock(&qt->caches->trylock))
		return;
	qt_add(this_cpu_ptr(&qt->caches->trycount), 1);
	local_qpw_unlock(&qt->caches->trylock);
	/*
	 * No adder counts this increment, so subtract it from what the work has
	 * drained.
	 */
	this_cpu_dec(qt->works->trytaken);
}

/* How often an interrupt of an owner found the lock held by a drainer */
static unsigned long qt_count_met(struct qt_fixture *qt)
{
	unsigned long met = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		met += per_cpu_ptr(qt->intruders, cpu)->met;
	return met;
}

/* Only in modes that do not flip, so that the test can wait for it */
static bool qt_may_meet(const enum qt_mode *mode)
{
	return (*mode == QT_REMOTE || *mode == QT_MIXED) &&
	       num_online_cpus() > 1 && !IS_ENABLED(CONFIG_PREEMPT_RT);
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
		KUNIT_EXPECT_EQ(test, work->intruder->breaches, 0);
	}
	if (qt_may_meet(test->param_value))
		KUNIT_EXPECT_GT(test, qt_count_met(qt), 0);
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

/*
 * Critical sections, interrupts, drains and flips at once: each increment is
 * drained once.
 */
static void qt_test_load(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;
	DECLARE_COMPLETION_ONSTACK(flipped);
	unsigned long end = jiffies + QT_PATIENCE;
	struct qt_fixture *qt = test->priv;
	int drains = 0;

	if (*mode != QT_LOCAL)
		qt_need_modes(test);
	qt_set_modes(test, QT_LOCAL);
	/* Another CPU then drains that CPU, so its interrupts find the lock held. */
	if (num_online_cpus() > 1)
		qt_stay_off(test, cpumask_last(cpu_online_mask));
	qt_start_adders(test);
	while (!qt_all_added(qt))
		schedule_timeout_uninterruptible(1);
	/* The first CPU in remote mode enables a static key while the adders run. */
	qt_set_modes(test, *mode);
	qt_start_flipper(test, *mode, &flipped);
	while (drains++ < QT_DRAINS || !completion_done(&flipped) ||
	       !qt_all_added(qt) ||
	       (qt_may_meet(mode) && !qt_count_met(qt) &&
		time_before(jiffies, end))) {
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
	qt_start_flipper(test, *mode, &flipped);
	while (caches++ < 5 || !completion_done(&flipped))
		qt_destroy_one_cache(test, churn);
	wait_for_completion(&flipped);
}

#if defined(CONFIG_QPW) && defined(CONFIG_SHMEM) && !defined(MODULE)
/**
 * struct qt_lru - folios in a batch of a CPU in remote mode
 * @folios: The folios.
 * @file: They are in the page cache of this file.
 * @drainer: Drains all batches again and again.
 */
struct qt_lru {
	struct folio		*folios[QT_FOLIOS];
	struct file		*file;
	struct task_struct	*drainer;
};

static int qt_drain_lru_fn(void *unused)
{
	while (!kthread_should_stop()) {
		lru_add_drain_all();
		cond_resched();
	}
	return 0;
}

static void qt_stop_drainer(void *drainer)
{
	kthread_stop(drainer);
}

static void qt_put_file(void *file)
{
	fput(file);
}

static void qt_fill_batch(struct kunit *test, struct qt_lru *lru)
{
	struct address_space *mapping = lru->file->f_mapping;
	int i;

	for (i = 0; i < QT_FOLIOS; i++) {
		lru->folios[i] = shmem_read_folio_gfp(mapping, i, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(lru->folios[i]));
	}
}

/*
 * Counts folios that are not on an LRU list, or are in a batch that holds a
 * reference.
 */
static int qt_count_in_batches(struct qt_lru *lru)
{
	struct folio *folio;
	int i, cached = 0;

	for (i = 0; i < QT_FOLIOS; i++) {
		folio = lru->folios[i];
		cached += !folio_test_lru(folio) || folio_ref_count(folio) !=
			  folio_expected_ref_count(folio) + 1;
	}
	return cached;
}

static void qt_empty_file(struct qt_lru *lru)
{
	int i;

	for (i = 0; i < QT_FOLIOS; i++)
		folio_put(lru->folios[i]);
	shmem_truncate_range(file_inode(lru->file), 0, -1);
}

/* Drains, or disables batches; returns how many folios are still in one then. */
static int qt_drain_lru(struct kunit *test, struct qt_lru *lru, bool disable)
{
	int cached;

	if (disable)
		lru_cache_disable();
	else
		lru_add_drain_all();
	cached = qt_count_in_batches(lru);
	qt_empty_file(lru);
	if (!disable)
		return cached;
	qt_fill_batch(test, lru);
	cached += qt_count_in_batches(lru);
	qt_empty_file(lru);
	lru_cache_enable();
	return cached;
}

static void qt_start_lru(struct kunit *test, struct qt_lru *lru, int cpu)
{
	lru->file = shmem_kernel_file_setup("qpw_test", QT_FOLIOS * PAGE_SIZE,
					    EMPTY_VMA_FLAGS);
	KUNIT_ASSERT_FALSE(test, IS_ERR(lru->file));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, qt_put_file,
							   lru->file));
	lru->drainer = kthread_run_on_cpu(qt_drain_lru_fn, NULL, cpu,
					  "qpw_test/%u");
	KUNIT_ASSERT_FALSE(test, IS_ERR(lru->drainer));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, qt_stop_drainer,
							   lru->drainer));
}

/*
 * No folio is in a batch when lru_add_drain_all() or lru_cache_disable() returns,
 * so none is in a batch that another drainer has detached and not moved yet.  The
 * test drains from the CPU whose batches it fills, so two CPUs are enough.
 */
static void qt_test_lru_drain(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	int i, before = 0, cached = 0;
	struct qt_lru lru;

	qt_set_modes(test, QT_REMOTE);
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(cpu)), 0);
	qt_start_lru(test, &lru, cpumask_first(cpu_online_mask));
	for (i = 0; i < QT_FOLIO_ROUNDS; i++) {
		qt_fill_batch(test, &lru);
		before += qt_count_in_batches(&lru);
		cached += qt_drain_lru(test, &lru, i % 10 == 0);
	}
	KUNIT_EXPECT_GT(test, before, 0);
	KUNIT_EXPECT_EQ(test, cached, 0);
}
#else
static void qt_test_lru_drain(struct kunit *test)
{
	kunit_skip(test, "requires CONFIG_QPW, CONFIG_SHMEM and a built-in test");
}
#endif

#if defined(CONFIG_QPW) && defined(CONFIG_HOTPLUG_CPU)
/*
 * Checks that work for an offline CPU runs if that CPU is in remote mode, and
 * is dropped otherwise.
 */
static void qt_check_offline(struct kunit *test, int cpu, bool remote)
{
	struct qt_fixture *qt = test->priv;
	struct qt_work *work;

	qt_set_remote(test, cpu, remote);
	work = qt_init_work(qt, cpu, qt_work_fn);
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	KUNIT_EXPECT_EQ(test, !remote,
			flush_percpu_work(&work->qpw) == QPW_FLUSH_DROPPED);
	KUNIT_EXPECT_EQ(test, work->runs, remote);

	/* In any mode, the lock of an offline CPU can be taken, and tried. */
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

/*
 * If work is pending when its CPU goes offline, its worker runs on any CPU.  It
 * may run the work only if the offline CPU is in remote mode.  Otherwise it
 * must not access the cache of the offline CPU.
 */
static void qt_test_offline_before_run(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;
	int cpu = qt_need_other_cpu(test);
	struct qt_fixture *qt = test->priv;
	bool remote = *mode == QT_REMOTE;
	struct qt_blocker blocker;
	enum qpw_flush flush;
	struct qt_work *work;
	int err;

	if (!remote && *mode != QT_LOCAL)
		kunit_skip(test, "other tests cover this mode");
	qt_set_modes(test, QT_LOCAL);
	qt_start_blocker(qt, &blocker, cpu);
	work = qt_init_work(qt, cpu, qt_work_fn);
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	err = remove_cpu(cpu);
	if (!err && remote)
		err = qpw_set_remote(cpu, true);
	qt_end_blocker(&blocker);
	flush = flush_percpu_work(&work->qpw);
	if (err)
		kunit_skip(test, "CPU %d cannot be taken offline", cpu);

	KUNIT_EXPECT_EQ(test, work->runs, remote);
	KUNIT_EXPECT_EQ(test, flush == QPW_FLUSH_DROPPED, !remote);
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);

	/* When it is queued again it runs, and the flush reports only that run. */
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	KUNIT_EXPECT_NE(test, flush_percpu_work(&work->qpw), QPW_FLUSH_DROPPED);
	KUNIT_EXPECT_EQ(test, work->runs, remote + 1);
}
#else
static void qt_test_hotplug(struct kunit *test)
{
	kunit_skip(test, "requires CONFIG_QPW and CONFIG_HOTPLUG_CPU");
}

static void qt_test_offline_before_run(struct kunit *test)
{
	kunit_skip(test, "requires CONFIG_QPW and CONFIG_HOTPLUG_CPU");
}
#endif

#ifdef CONFIG_BUFFER_HEAD

/* More blocks than a CPU caches */
#define QT_BLOCKS	24

struct qt_disk {
	struct file		*file;
	struct block_device	*bdev;
	struct buffer_head	*bhs[QT_BLOCKS];
};

/* On its own CPU: looks up blocks, again and again. */
struct qt_reader {
	struct qt_disk		*disk;
	struct task_struct	*task;
	unsigned long		reads;
	unsigned long		errors;
};

static struct buffer_head *qt_read_block(struct qt_disk *disk, int block)
{
	return __bread(disk->bdev, block, block_size(disk->bdev));
}

/* Holds one reference to each of the buffer heads, so that none is freed. */
static struct qt_disk *qt_open_disk(struct kunit *test)
{
	struct qt_disk *disk = kunit_kzalloc(test, sizeof(*disk), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, disk);
	disk->file = bdev_file_open_by_dev(MKDEV(RAMDISK_MAJOR, 0),
					   BLK_OPEN_READ, NULL, NULL);
	if (IS_ERR(disk->file))
		kunit_skip(test, "requires a RAM disk");
	disk->bdev = file_bdev(disk->file);
	for (i = 0; i < QT_BLOCKS; i++) {
		disk->bhs[i] = qt_read_block(disk, i);
		KUNIT_EXPECT_NOT_NULL(test, disk->bhs[i]);
	}
	invalidate_bh_lrus();
	return disk;
}

static void qt_close_disk(struct qt_disk *disk)
{
	int i;

	for (i = 0; i < QT_BLOCKS; i++)
		brelse(disk->bhs[i]);
	bdev_fput(disk->file);
}

/* The references that CPUs have cached */
static int qt_count_cached(struct qt_disk *disk, int block)
{
	return atomic_read(&disk->bhs[block]->b_count) - 1;
}

static long qt_look_up(void *data)
{
	brelse(qt_read_block(data, 0));
	return 0;
}

/* Drains the LRUs of buffer heads, too; not available to modules */
static void qt_drain_folios(void)
{
	if (IS_BUILTIN(CONFIG_QPW_KUNIT_TEST))
		lru_add_drain_all();
	else
		invalidate_bh_lrus();
}

/*
 * Checks, with interrupts disabled, whether another CPU makes progress without
 * this CPU.
 */
static int qt_be_deaf(void *meeting)
{
	struct qt_meeting *m = meeting;

	local_irq_disable();
	qt_tell(&m->held);
	m->taken = qt_spin_for(&m->answered);
	local_irq_enable();
	complete(&m->ready);
	return 0;
}

/* Retried: on a busy machine the drain may come too late. */
static bool qt_drains_deaf_cpu(struct kunit *test, struct qt_disk *disk,
			       int cpu, void (*drain)(void))
{
	unsigned long end = jiffies + QT_PATIENCE;
	struct qt_meeting m;

	do {
		m = (struct qt_meeting){};
		work_on_cpu(cpu, qt_look_up, disk);
		KUNIT_EXPECT_EQ(test, qt_count_cached(disk, 0), 1);
		qt_start(test, &m, cpu, qt_be_deaf);
		qt_wait_for(&m.held);
		drain();
		qt_tell(&m.answered);
		wait_for_completion(&m.ready);
		KUNIT_EXPECT_EQ(test, qt_count_cached(disk, 0), 0);
	} while (!m.taken && time_before(jiffies, end));
	return m.taken;
}

/*
 * A CPU in remote mode caches buffer heads.  Other CPUs drop them without its
 * help, including those that it cached before it entered remote mode.
 */
static void qt_test_buffer_heads(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);
	struct qt_disk *disk;

	qt_need_modes(test);
	disk = qt_open_disk(test);
	qt_set_modes(test, QT_LOCAL);
	qt_stay_off(test, cpu);

	work_on_cpu(cpu, qt_look_up, disk);
	KUNIT_EXPECT_EQ(test, qt_count_cached(disk, 0), !cpu_is_isolated(cpu));
	qt_set_remote(test, cpu, true);
	KUNIT_EXPECT_EQ(test, qt_count_cached(disk, 0), !cpu_is_isolated(cpu));
	invalidate_bh_lrus();
	KUNIT_EXPECT_EQ(test, qt_count_cached(disk, 0), 0);

	KUNIT_EXPECT_TRUE(test, qt_drains_deaf_cpu(test, disk, cpu,
						   invalidate_bh_lrus));
	KUNIT_EXPECT_TRUE(test, qt_drains_deaf_cpu(test, disk, cpu,
						   qt_drain_folios));

	work_on_cpu(cpu, qt_look_up, disk);
	qt_set_remote(test, cpu, false);
	KUNIT_EXPECT_EQ(test, qt_count_cached(disk, 0), 1);
	invalidate_bh_lrus();
	KUNIT_EXPECT_EQ(test, qt_count_cached(disk, 0), 0);
	qt_close_disk(disk);
}

static int qt_reader_fn(void *data)
{
	struct qt_reader *reader = data;
	struct buffer_head *bh;
	unsigned int n, block;

	for (n = 0; !kthread_should_stop(); n++) {
		/* Every fifth time the next of all blocks, otherwise block 0 */
		block = n % 5 ? 0 : n / 5 % QT_BLOCKS;
		bh = qt_read_block(reader->disk, block);
		if (bh != reader->disk->bhs[block])
			reader->errors++;
		brelse(bh);
		WRITE_ONCE(reader->reads, reader->reads + 1);
		cond_resched();
	}
	return 0;
}

static struct qt_reader __percpu *qt_start_readers(struct kunit *test,
						   struct qt_disk *disk)
{
	struct qt_reader __percpu *readers = alloc_percpu(struct qt_reader);
	struct qt_reader *reader;
	int cpu;

	KUNIT_ASSERT_TRUE(test, !!readers);
	for_each_online_cpu(cpu) {
		reader = per_cpu_ptr(readers, cpu);
		reader->disk = disk;
		reader->task = kthread_run_on_cpu(qt_reader_fn, reader, cpu,
						  "qpw_test/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reader->task);
		set_user_nice(reader->task, MAX_NICE);
	}
	return readers;
}

static bool qt_all_read(struct qt_reader __percpu *readers)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (!READ_ONCE(per_cpu_ptr(readers, cpu)->reads))
			return false;
	return true;
}

static void qt_stop_readers(struct kunit *test,
			    struct qt_reader __percpu *readers)
{
	int cpu;

	for_each_online_cpu(cpu) {
		kthread_stop(per_cpu_ptr(readers, cpu)->task);
		KUNIT_EXPECT_EQ(test, per_cpu_ptr(readers, cpu)->errors, 0);
	}
	free_percpu(readers);
}

/* Lookups, drains and flips at once: no reference is lost, or dropped twice. */
static void qt_test_buffer_head_load(struct kunit *test)
{
	const enum qt_mode *mode = test->param_value;
	DECLARE_COMPLETION_ONSTACK(flipped);
	struct qt_reader __percpu *readers;
	struct qt_disk *disk;
	int i, drains = 0;

	qt_set_modes(test, *mode);
	disk = qt_open_disk(test);
	readers = qt_start_readers(test, disk);
	qt_start_flipper(test, *mode, &flipped);
	while (drains++ < QT_BH_DRAINS || !completion_done(&flipped) ||
	       !qt_all_read(readers)) {
		invalidate_bh_lrus();
		if (drains % 16 == 0)
			qt_drain_folios();
		cond_resched();
	}
	wait_for_completion(&flipped);
	qt_stop_readers(test, readers);
	invalidate_bh_lrus();
	for (i = 0; i < QT_BLOCKS; i++)
		KUNIT_EXPECT_EQ(test, qt_count_cached(disk, i), 0);
	qt_close_disk(disk);
}
#else
static void qt_test_buffer_heads(struct kunit *test)
{
	kunit_skip(test, "requires CONFIG_BUFFER_HEAD");
}

static void qt_test_buffer_head_load(struct kunit *test)
{
	kunit_skip(test, "requires CONFIG_BUFFER_HEAD");
}
#endif

static void qt_need_lockdep(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC) || !debug_locks)
		kunit_skip(test, "requires lockdep");
}

/* lockdep reports a lock or work that is used on the wrong CPU. */
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
	/* Outside of the work function it is wrong even in remote mode. */
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

/* Not with lockdep, which reports this as well and then disables itself. */
static void qt_test_reports_two_locks(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_work *work;

	qt_need_modes(test);
	if (IS_ENABLED(CONFIG_PREEMPT_RT) ||
	    IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC) ||
	    IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		kunit_skip(test,
			   "requires !PREEMPT_RT, !DEBUG_LOCK_ALLOC and !DEBUG_ATOMIC_SLEEP");
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
	kunit_skip(test, "requires CONFIG_QPW, lockdep and !PREEMPT_RT");
}

static void qt_test_reports_migration(struct kunit *test)
{
	kunit_skip(test, "requires CONFIG_QPW, lockdep and !PREEMPT_RT");
}
#endif

/*
 * Allows a critical section to migrate.  Its lock disables preemption or
 * migration, which has to be undone first.
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

/* PREEMPT_RT can preempt at any time, and RCU would report the critical section. */
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

/*
 * Migrates to another CPU in a critical section, without a pause in which RCU
 * would check.
 */
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
 * lockdep reports such a migration in every configuration, because the lock
 * that is released is not the one that was taken.  lockdep is then disabled
 * until the next boot.
 */
static void qt_test_lockdep_reports_migration(struct kunit *test)
{
	int cpu = qt_need_other_cpu(test);

	qt_need_lockdep(test);
	if (!end_lockdep)
		kunit_skip(test, "requires test_qpw.end_lockdep=1 (disables lockdep)");
	qt_stay_off(test, cpu);
	debug_locks_silent = 1;
	kunit_warning_suppress(test)
		qt_migrate_in_section(test, cpu);
	debug_locks_silent = 0;
	KUNIT_EXPECT_FALSE(test, debug_locks);
}

#ifdef CONFIG_DEBUG_LOCK_ALLOC
/* Stands for a lock that a drainer holds and that owners take in critical sections */
static struct lock_class_key qt_outer_key;
static struct lockdep_map qt_outer =
	STATIC_LOCKDEP_MAP_INIT("qt_outer", &qt_outer_key);

/*
 * Stays in a critical section until lockdep has reported something, for a few
 * seconds at most.
 */
static int qt_hold_until_report(void *meeting)
{
	unsigned long end = jiffies + QT_REPORT_PATIENCE;
	struct qt_meeting *m = meeting;
	struct qt_cache __percpu *caches = m->qt->caches;

	local_qpw_lock(&caches->trylock);
	lock_map_acquire(&qt_outer);
	lock_map_release(&qt_outer);
	qt_tell(&m->held);
	while (READ_ONCE(debug_locks) && time_before(jiffies, end))
		cpu_relax();
	m->answered = !READ_ONCE(debug_locks);
	local_qpw_unlock(&caches->trylock);
	complete(&m->ready);
	return 0;
}

/* In a work function: the other way round */
static void qt_lock_in_wrong_order_fn(struct qpw_struct *qpw)
{
	struct qt_work *work = container_of(qpw, struct qt_work, qpw);
	struct qt_cache __percpu *caches = work->qt->caches;
	int cpu = qpw_get_cpu(qpw);

	lock_map_acquire(&qt_outer);
	qpw_lock(&caches->trylock, cpu);
	qpw_unlock(&caches->trylock, cpu);
	lock_map_release(&qt_outer);
	work->runs++;
}

/* lockdep reports a deadlock while the drainer waits, not when it has the lock. */
static void qt_test_lockdep_reports_deadlock(struct kunit *test)
{
	struct qt_fixture *qt = test->priv;
	int cpu = qt_need_other_cpu(test);
	struct qt_meeting m = {};
	struct qt_work *work;

	qt_need_modes(test);
	qt_need_lockdep(test);
	if (!end_lockdep)
		kunit_skip(test, "requires test_qpw.end_lockdep=1 (disables lockdep)");
	qt_set_modes(test, QT_REMOTE);
	qt_stay_off(test, cpu);
	debug_locks_silent = 1;
	qt_start(test, &m, cpu, qt_hold_until_report);
	qt_wait_for(&m.held);
	work = qt_init_work(qt, cpu, qt_lock_in_wrong_order_fn);
	queue_percpu_work_on(cpu, qt->wq, &work->qpw);
	wait_for_completion(&m.ready);
	debug_locks_silent = 0;
	KUNIT_EXPECT_EQ(test, work->runs, 1);
	KUNIT_EXPECT_TRUE(test, m.answered);
}
#else
static void qt_test_lockdep_reports_deadlock(struct kunit *test)
{
	qt_need_lockdep(test);
}
#endif

static void qt_init_percpu(struct qt_fixture *qt)
{
	struct qt_intruder *intruder;
	struct qt_cache *cache;
	int cpu;

	for_each_possible_cpu(cpu) {
		cache = per_cpu_ptr(qt->caches, cpu);
		qpw_lock_init(&cache->lock);
		qpw_trylock_init(&cache->trylock);
		intruder = per_cpu_ptr(qt->intruders, cpu);
		intruder->caches = qt->caches;
		INIT_CSD(&intruder->csd, qt_intrude, intruder);
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
	qt->intruders = alloc_percpu(struct qt_intruder);
	qt->wq = alloc_workqueue("qpw_test", WQ_PERCPU, 1);
	if (!qt->caches || !qt->works || !qt->adders || !qt->intruders ||
	    !qt->wq || !zalloc_cpumask_var(&qt->remote, GFP_KERNEL))
		return -ENOMEM;
	qt_init_percpu(qt);
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
	/* An interrupt that was sent late may still be in progress. */
	kick_all_cpus_sync();
#ifdef CONFIG_QPW
	for (int cpu = 0; cpu < nr_cpu_ids; cpu++)
		qpw_set_remote(cpu, cpumask_test_cpu(cpu, qt->remote));
#endif
	free_cpumask_var(qt->remote);
	destroy_workqueue(qt->wq);
	free_percpu(qt->intruders);
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
	KUNIT_CASE_PARAM(qt_test_guards, qt_mode_gen_params),
	KUNIT_CASE(qt_test_size),
	KUNIT_CASE_PARAM(qt_test_trylock_in_irq, qt_mode_gen_params),
	KUNIT_CASE_PARAM(qt_test_trylock_in_nmi, qt_mode_gen_params),
	KUNIT_CASE(qt_test_others_exclude_nmi),
	KUNIT_CASE(qt_test_owner_excludes_others),
	KUNIT_CASE(qt_test_others_exclude_owner),
	KUNIT_CASE(qt_test_waits_with_irqs_on),
	KUNIT_CASE(qt_test_trace_hold),
	KUNIT_CASE(qt_test_trace_trylock),
	KUNIT_CASE(qt_test_preempted_owner),
	KUNIT_CASE(qt_test_gate_keeps_waiters_out),
	KUNIT_CASE(qt_test_drainer_closes_gate),
	KUNIT_CASE(qt_test_nolock_heeds_waiters),
	KUNIT_CASE(qt_test_nolock_heeds_local_waiters),
	KUNIT_CASE_PARAM(qt_test_queue_often, qt_mode_gen_params),
	KUNIT_CASE(qt_test_flush_waits),
	KUNIT_CASE_PARAM(qt_test_shared_works, qt_mode_gen_params),
	KUNIT_CASE(qt_test_nowait),
	KUNIT_CASE(qt_test_nowait_in_local_mode),
	KUNIT_CASE(qt_test_flip_before_flush),
	KUNIT_CASE(qt_test_leaving_waits),
	KUNIT_CASE(qt_test_leaving_waits_for_rcu),
	KUNIT_CASE(qt_test_drains_are_independent),
	KUNIT_CASE_PARAM(qt_test_load, qt_mode_gen_params),
	KUNIT_CASE_PARAM_ATTR(qt_test_slab, qt_mode_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE(qt_test_lru_drain),
	KUNIT_CASE(qt_test_hotplug),
	KUNIT_CASE_PARAM(qt_test_offline_before_run, qt_mode_gen_params),
	KUNIT_CASE(qt_test_buffer_heads),
	KUNIT_CASE_PARAM(qt_test_buffer_head_load, qt_mode_gen_params),
	KUNIT_CASE(qt_test_reports_wrong_cpu),
	KUNIT_CASE(qt_test_reports_two_locks),
	KUNIT_CASE(qt_test_reports_flip),
	KUNIT_CASE(qt_test_reports_migration),
	KUNIT_CASE(qt_test_lockdep_reports_migration),
	KUNIT_CASE(qt_test_lockdep_reports_deadlock),
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
