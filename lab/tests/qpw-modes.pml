/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mode protocol of kernel/qpw/mode.c, without PREEMPT_RT, as a model for spin(1).
 *
 * One CPU owns a qpw_trylock_t.  Its task runs critical sections, and interrupts
 * try the lock at any point of them.  A drainer, a task that changes the CPU's
 * mode, and CPU hotplug with its callback for the dead CPU run beside it.  All of
 * them repeat forever, so spin visits every interleaving.
 *
 * The model is sequentially consistent: it says nothing about the barriers, which
 * kernel/qpw/mode.c explains.  It checks three properties: two contexts never run
 * critical sections of the lock at once, no work is queued on a CPU after it has
 * been isolated, and the protocol never deadlocks.
 *
 * BREAK names one rule of the protocol that is left out.  The check in spin.sh
 * demands that spin refutes each of these models.
 */

#ifndef BREAK
#define BREAK 0
#endif

#define NO_MARK		1	/* local mode does not mark the lock word */
#define NO_GP_WAIT	2	/* leaving does not wait for a grace period */
#define TEST_OUTSIDE	3	/* a drainer tests the mode outside of RCU */
#define LEAVING_LOCAL	4	/* the owner takes leaving for local mode */
#define BY_IPI		5	/* an interrupt changes the mode, not the stopper */
#define DEAD_PLAIN	6	/* the dead CPU's callback does not take the lock */
#define NO_HOTPLUG_LOCK	7	/* the mode changes while the CPU comes and goes */
#define WORKER_ASTRAY	8	/* an unbound worker runs the work on another CPU */
#define NO_RELEASE	9	/* leaving mode's unlock stores nothing */
#define NO_COUNT	10	/* leaving does not wait for drainers */
#define OLD_GP		11	/* a second leave counts the first one's grace period */
#define COUNT_FIRST	12	/* leaving reads the number before the grace period */
#define QUEUE_OUTSIDE	13	/* a drainer queues work outside of RCU */

#define LOCAL	0
#define REMOTE	1
#define LEAVING	2
#define NOTHING	3		/* no request to the stopper */

byte mode = LOCAL;
byte word = 0;			/* the lock word */
bool online = true;
bool may_run = true;		/* hotplug lets the CPU run */

byte request = NOTHING;		/* the mode that the stopper is to set */
bool in_rcu = false;		/* the drainer's RCU read section */
byte drainers = 0;		/* that drain the CPU in remote mode */
bool queued = false;		/* the drainer's work item */
bool undisturbed = false;	/* the CPU was isolated: no more work for it */
byte readers = 0;		/* of the CPU hotplug lock */
bool writer = false;

byte inside = 0;		/* contexts in a critical section */

inline enter() { inside++; assert(inside == 1) }
inline leave() { inside-- }

/* atomic_try_cmpxchg() until it succeeds */
inline spin_lock_word() { atomic { word == 0 -> word = 1 } }

/* An interrupt or NMI of the CPU that tries the lock, or does not happen */
inline interrupt()
{
	if
	:: skip
	:: word != 0 -> skip	/* busy */
	:: word == 0 ->
		if
		:: mode == LOCAL ->
			if
			:: BREAK == NO_MARK -> skip
			:: else -> word = 1
			fi;
			enter(); leave();
			word = 0
		:: mode != LOCAL ->
			if
			:: atomic { word == 0 -> word = 1 };
				enter(); leave();
				word = 0
			:: word != 0 -> skip
			fi
		fi
	:: BREAK == BY_IPI && request != NOTHING ->
		mode = request; request = NOTHING
	fi
}

/* local_qpw_lock() to local_qpw_unlock(): preemption is disabled meanwhile */
inline critical_section()
{
	interrupt();
	plain = (mode == LOCAL || (BREAK == LEAVING_LOCAL && mode == LEAVING));
	interrupt();
	if
	:: plain ->
		if
		:: BREAK == NO_MARK -> skip
		:: else -> assert(word == 0 || BREAK != 0); word = 1
		fi
	:: !plain ->
		do
		:: atomic { word == 0 -> word = 1; break }
		:: word != 0 -> interrupt()
		od
	fi;
	enter();
	interrupt();
	leave();
	if
	:: BREAK == NO_RELEASE && mode == LEAVING -> skip
	:: else -> word = 0
	fi;
	interrupt()
}

active proctype cpu()
{
	bool plain;

	do
	:: may_run -> critical_section()
	/* the worker: queued work, on this CPU */
	:: may_run && queued -> critical_section(); queued = false
	/* the stopper thread, which no critical section can be in flight with */
	:: may_run && BREAK != BY_IPI && request != NOTHING ->
		atomic { mode = request; request = NOTHING }
	:: may_run && BREAK == BY_IPI -> interrupt()
	:: !may_run ->
		online = false;
		/* unbound workers take the rest: they drop it, see __qpw_work_fn() */
		may_run;
		online = true
	od
}

/* A work function runs for a CPU in remote mode, in a drainer that was counted */
inline drain()
{
	/* __qpw_lock_cpu(): the mode decides again how to lock */
	if
	:: mode != LOCAL || !online -> spin_lock_word()
	:: else ->
		/* never, while the drainer is counted */
		assert(BREAK != 0); word = 1
	fi;
	enter(); leave();
	word = 0;
	drainers--
}

/* queue_percpu_work_on() and flush_percpu_work(), again and again */
active proctype drainer()
{
	bool remote;

	do
	:: if
	   :: BREAK == TEST_OUTSIDE -> remote = (mode == REMOTE); in_rcu = true
	   :: else -> in_rcu = true; remote = (mode == REMOTE)
	   fi;
	   if
	   :: remote ->
		drainers++;
		in_rcu = false;
		drain()
	   :: !remote ->
		if
		:: BREAK == QUEUE_OUTSIDE -> in_rcu = false
		:: else -> skip
		fi;
		assert(!undisturbed);
		queued = true;
		in_rcu = false;
		do
		:: !queued -> break
		:: queued && !online ->
			/* a worker without its CPU: __qpw_work_fn() */
			in_rcu = true;
			remote = (mode == REMOTE);
			if
			:: remote -> drainers++; in_rcu = false; drain()
			:: !remote && BREAK == WORKER_ASTRAY ->
				in_rcu = false; enter(); leave()
			:: else -> in_rcu = false
			fi;
			queued = false; break
		od
	   fi
	od
}

inline hotplug_read_lock()
{
	if
	:: BREAK == NO_HOTPLUG_LOCK -> skip
	:: else -> atomic { !writer -> readers++ }
	fi
}

inline hotplug_read_unlock()
{
	if
	:: BREAK == NO_HOTPLUG_LOCK -> skip
	:: else -> readers--
	fi
}

/* qpw_change_mode() */
inline change_mode(to)
{
	if
	:: online && may_run ->
		request = to;
		if
		:: request == NOTHING
		:: BREAK == NO_HOTPLUG_LOCK && !online -> request = NOTHING; mode = to
		fi
	:: else -> mode = to
	fi
}

/* qpw_begin_update() to qpw_leave_fn(), one way and the other, and back again */
active proctype changer()
{
	bool gp, none;

	do
	:: hotplug_read_lock();
	   change_mode(REMOTE);
	   hotplug_read_unlock();
again:
	   /* housekeeping_update(): a grace period, and flushes of the workqueues */
	   !in_rcu;
	   !queued;
	   undisturbed = true;
	   undisturbed = false;
	   hotplug_read_lock();
	   mode = LEAVING;
	   hotplug_read_unlock();
	   gp = (BREAK == NO_GP_WAIT || (BREAK == OLD_GP && gp));
	   none = false;
	   do
	   :: !gp && !in_rcu ->
		gp = true
	   :: BREAK == COUNT_FIRST && drainers == 0 ->
		none = true
	   :: true ->
		hotplug_read_lock();
		if
		:: gp && (drainers == 0 || none || BREAK == NO_COUNT) ->
			change_mode(LOCAL);
			gp = false;
			hotplug_read_unlock();
			break
		:: else ->
			hotplug_read_unlock()
		fi
	   :: true ->
		/* isolated again */
		hotplug_read_lock();
		mode = REMOTE;
		hotplug_read_unlock();
		goto again
	   od
	od
}

active proctype hotplug()
{
	do
	:: atomic { readers == 0 -> writer = true };
	   may_run = false;
	   !online;
	   /* page_alloc_cpu_dead() and the like, on another CPU */
	   if
	   :: BREAK == DEAD_PLAIN -> skip
	   :: else -> spin_lock_word()
	   fi;
	   enter(); leave();
	   word = 0;
	   writer = false;
	   /* off for a while: the mode may change now */
	   atomic { readers == 0 -> writer = true };
	   may_run = true;
	   online;
	   writer = false
	od
}
