// SPDX-License-Identifier: GPL-2.0-only
/*
 * padata_mt_trigger.c - run multithreaded jobs for shell scripts
 *
 * A task writes the description of a job to /dev/padata_mt_trigger.  The job
 * runs in that task, with its CPUs, nice value and signals.  The write returns
 * when the job ends, with the error of the job::
 *
 *	exec 3<>/dev/padata_mt_trigger
 *	echo "size=1000 eager=1 us=100 meet=2" >&3
 *	cat <&3
 *
 * Each open file has its own job and can be read at any time.  After the end of
 * file, the next read starts a new report, even while the job runs.  A report
 * has a line for the job, then one for each thread that had a chunk, one for each
 * CPU on which helpers began chunks, and one for each node.  The figures of
 * threads, CPUs and nodes are sums over the job.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/sched.h>
#include <linux/seq_buf.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

/* How long a chunk waits for an event that was requested */
#define TRIGGER_PATIENCE	(30 * HZ)

/**
 * struct trigger_request - what was written
 * @size: See struct padata_mt_job.
 * @align: See struct padata_mt_job.
 * @min_chunk: See struct padata_mt_job.
 * @max_chunk: See struct padata_mt_job.
 * @max_threads: See struct padata_mt_job.
 * @eager: See struct padata_mt_job.
 * @killable: See struct padata_mt_job.
 * @us: Sleep for this many microseconds for each index.
 * @jump: Sleep only for indices from this one on; 0 means for all.
 * @spin: Helpers use the CPU instead of sleeping; with 2, the caller does so, too.
 * @charge: Helpers allocate this many pages for each index and charge them to the
 *          memory cgroup.  The file keeps the pages until its next job or until it
 *          is closed.
 * @wait: These allocations may wait, and may invoke the OOM killer.
 * @nest: Divide the job into this many, which run in the chunks of another job.  That
 *        has two threads.
 * @ask: Ask after each index whether to stop.
 * @caller_ms: Chunks in the caller sleep for this many milliseconds instead.
 * @helper_ms: Chunks in helpers sleep for this many milliseconds,
 *             interruptibly.
 * @meet: Chunks wait until this many threads have had a chunk.
 * @lift: Chunks in helpers wait until they have the nice value of the caller.
 * @hold: Chunks wait until "go" is written.
 * @fail: The chunk with this index, counted from 1, fails.
 * @lock: Chunks take a mutex, always the same one.
 * @locked: The caller holds that mutex while the job runs.
 */
struct trigger_request {
	unsigned long	size;
	unsigned long	align;
	unsigned long	min_chunk;
	unsigned long	max_chunk;
	unsigned long	max_threads;
	unsigned long	eager;
	unsigned long	killable;
	unsigned long	us;
	unsigned long	jump;
	unsigned long	spin;
	unsigned long	charge;
	unsigned long	wait;
	unsigned long	nest;
	unsigned long	ask;
	unsigned long	caller_ms;
	unsigned long	helper_ms;
	unsigned long	meet;
	unsigned long	lift;
	unsigned long	hold;
	unsigned long	fail;
	unsigned long	lock;
	unsigned long	locked;
};

#define TRIGGER_KEY(key)	{ #key, offsetof(struct trigger_request, key) }

static const struct {
	const char	*name;
	size_t		offset;
} trigger_keys[] = {
	TRIGGER_KEY(size),
	TRIGGER_KEY(align),
	TRIGGER_KEY(min_chunk),
	TRIGGER_KEY(max_chunk),
	TRIGGER_KEY(max_threads),
	TRIGGER_KEY(eager),
	TRIGGER_KEY(killable),
	TRIGGER_KEY(us),
	TRIGGER_KEY(jump),
	TRIGGER_KEY(spin),
	TRIGGER_KEY(charge),
	TRIGGER_KEY(wait),
	TRIGGER_KEY(nest),
	TRIGGER_KEY(ask),
	TRIGGER_KEY(caller_ms),
	TRIGGER_KEY(helper_ms),
	TRIGGER_KEY(meet),
	TRIGGER_KEY(lift),
	TRIGGER_KEY(hold),
	TRIGGER_KEY(fail),
	TRIGGER_KEY(lock),
	TRIGGER_KEY(locked),
};

/**
 * struct trigger_thread - the chunks and the attributes of one thread
 * @pid: The thread.
 * @chunks: Chunks it began, 0 if there is no such thread.
 * @min_nice: The lowest nice value at the beginning of a chunk.
 * @max_nice: The highest one.
 * @end_nice: The lowest nice value at the end of a chunk.
 * @allowed: All CPUs that it was allowed at the beginning of a chunk.
 */
struct trigger_thread {
	pid_t		pid;
	unsigned long	chunks;
	int		min_nice;
	int		max_nice;
	int		end_nice;
	struct cpumask	allowed;
};

/**
 * struct trigger_result - what a job has done so far
 * @go: "go" was written.
 * @vain: A wait of a chunk timed out.
 * @broken: The contract of padata was violated.
 * @active: Chunks that have begun and not ended.
 * @threads: Threads that had a chunk.
 * @chunks: Calls of the thread function.
 * @done: Indices that were completed.
 * @undone: Indices that were undone.
 * @charged: Pages that were charged, for each node.
 * @balance: Differences of squares of completed ranges, less those of undone
 *           ranges: they are equal for equal ranges, regardless of how these
 *           are divided.
 * @begun: Chunks that helpers began on each CPU.
 * @thread: The first @threads are valid.
 */
struct trigger_result {
	bool			go;
	bool			vain;
	bool			broken;
	unsigned int		active;
	unsigned int		threads;
	unsigned long		chunks;
	unsigned long		done;
	unsigned long		undone;
	unsigned long		charged[MAX_NUMNODES];
	u64			balance;
	unsigned long		begun[NR_CPUS];
	struct trigger_thread	thread[NR_CPUS];
};

/**
 * struct trigger - an open file and its last job
 * @running: Held while the job runs.
 * @reading: Protects what a read needs.
 * @pos: How much of @text was read.
 * @len: The length of @text, 0 if the next read is to make a new one.
 * @text: The report.
 * @want: What was written.
 * @caller: The task that writes, while the job runs.
 * @caller_pid: The PID of @caller, which stays valid after it has exited.
 * @err: What the write returned.
 * @stats: What padata_do_multithreaded() reported.
 * @changed: Woken when there is a new thread, and by "go".
 * @lock: Protects what the threads of the job write.
 * @res: What they did.
 * @pages: The pages that they charged.
 */
struct trigger {
	struct mutex		running;	/* The job */

	struct mutex		reading;	/* pos, len and text */
	loff_t			pos;
	size_t			len;
	char			text[SZ_64K];

	struct trigger_request	want;
	struct task_struct	*caller;
	pid_t			caller_pid;
	int			err;
	struct padata_mt_stats	stats;
	wait_queue_head_t	changed;

	spinlock_t		lock;		/* res and pages */
	struct trigger_result	res;
	struct list_head	pages;
};

/*
 * Jobs in progress, chunks in progress in helpers, and the most of them since
 * the module was loaded
 */
static atomic_t trigger_jobs;
static atomic_t trigger_helping;
static atomic_t trigger_peak;

/* Shows lockdep that a job waits for a lock that its caller holds */
static DEFINE_MUTEX(trigger_lock);

static u64 trigger_area(unsigned long start, unsigned long end)
{
	return (u64)end * end - (u64)start * start;
}

static void trigger_count_helper(void)
{
	int helping = atomic_inc_return(&trigger_helping);
	int peak = atomic_read(&trigger_peak);

	while (helping > peak &&
	       !atomic_try_cmpxchg(&trigger_peak, &peak, helping))
		;
}

static struct trigger_thread *trigger_find_thread(struct trigger *tr)
{
	struct trigger_thread *t = tr->res.thread;

	for (; t < tr->res.thread + tr->res.threads; t++)
		if (t->pid == current->pid)
			return t;
	if (tr->res.threads == ARRAY_SIZE(tr->res.thread)) {
		tr->res.broken = true;
		return tr->res.thread;
	}

	tr->res.threads++;
	t->pid = current->pid;
	t->min_nice = MAX_NICE;
	t->max_nice = MIN_NICE;
	t->end_nice = MAX_NICE;

	return t;
}

static void trigger_begin_chunk(struct trigger *tr)
{
	struct trigger_thread *t;

	guard(spinlock)(&tr->lock);

	t = trigger_find_thread(tr);
	t->chunks++;
	t->min_nice = min(t->min_nice, task_nice(current));
	t->max_nice = max(t->max_nice, task_nice(current));
	cpumask_or(&t->allowed, &t->allowed, current->cpus_ptr);

	tr->res.active++;
	tr->res.chunks++;
	if (current != tr->caller)
		tr->res.begun[smp_processor_id()]++;
}

static bool trigger_is_lifted(struct trigger *tr)
{
	unsigned long end = jiffies + TRIGGER_PATIENCE;

	while (task_nice(current) != task_nice(tr->caller)) {
		if (READ_ONCE(tr->res.vain) || time_after(jiffies, end))
			return false;
		usleep_range(1000, 2000);
	}

	return true;
}

/* Once a wait has timed out, the rest of the job does not wait. */
static bool trigger_wait(struct trigger *tr)
{
	const struct trigger_request *want = &tr->want;

	if (!wait_event_timeout(tr->changed,
				READ_ONCE(tr->res.threads) >= want->meet ||
				READ_ONCE(tr->res.vain), TRIGGER_PATIENCE))
		return false;
	if (want->hold &&
	    !wait_event_timeout(tr->changed, READ_ONCE(tr->res.go) ||
				READ_ONCE(tr->res.vain), TRIGGER_PATIENCE))
		return false;

	return !want->lift || current == tr->caller || trigger_is_lifted(tr);
}

static void trigger_end_chunk(struct trigger *tr, unsigned long start,
			      unsigned long end, int err, bool met)
{
	struct trigger_thread *t;

	scoped_guard(spinlock, &tr->lock) {
		t = trigger_find_thread(tr);
		t->end_nice = min(t->end_nice, task_nice(current));
		tr->res.active--;
		if (!met)
			tr->res.vain = true;
		if (!err) {
			tr->res.done += end - start;
			tr->res.balance += trigger_area(start, end);
		}
	}

	/* Other threads need not wait for the timeout as well. */
	if (!met)
		wake_up_all(&tr->changed);
}

static int trigger_charge_page(struct trigger *tr)
{
	struct page *page = alloc_page(tr->want.wait ? GFP_KERNEL_ACCOUNT :
						       GFP_NOWAIT | __GFP_ACCOUNT);

	if (!page)
		return -ENOMEM;
	guard(spinlock)(&tr->lock);
	list_add(&page->lru, &tr->pages);
	tr->res.charged[page_to_nid(page)]++;

	return 0;
}

static void trigger_free_pages(struct trigger *tr)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &tr->pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

static void trigger_spin(unsigned long us)
{
	ktime_t end = ktime_add_us(ktime_get(), us);

	while (ktime_before(ktime_get(), end))
		cpu_relax();
}

static int trigger_help(struct trigger *tr, unsigned long start,
			unsigned long end)
{
	const struct trigger_request *want = &tr->want;
	unsigned long pages = want->charge * (end - start);
	int err = 0;

	while (pages-- && !err)
		err = trigger_charge_page(tr);
	if (want->spin)
		trigger_spin(want->us * (end - start));

	return err;
}

static int trigger_work(struct trigger *tr, unsigned long start,
			unsigned long end)
{
	const struct trigger_request *want = &tr->want;
	int err = 0;

	start = max(start, want->jump);
	if (start >= end)
		return 0;
	if (current != tr->caller && (want->spin || want->charge))
		return trigger_help(tr, start, end);
	if (current == tr->caller && want->caller_ms) {
		msleep(want->caller_ms);
		return 0;
	}
	if (want->spin == 2) {
		trigger_spin(want->us * (end - start));
		return 0;
	}
	if (!want->ask) {
		fsleep(want->us * (end - start));
		return 0;
	}
	for (; start < end && !err; start++) {
		fsleep(want->us);
		err = padata_mt_should_stop();
	}

	return err;
}

static int trigger_thread_fn(unsigned long start, unsigned long end, void *arg)
{
	struct trigger *tr = arg;
	bool helps, met;
	int err, stop = 0;

	/* Once the job has ended, nothing may use it, including this function. */
	if (WARN_ON_ONCE(!atomic_read(&trigger_jobs)))
		return 0;

	helps = current != tr->caller;
	if (helps)
		trigger_count_helper();
	trigger_begin_chunk(tr);
	wake_up_all(&tr->changed);

	met = trigger_wait(tr);
	/* The hung task detector does not look at interruptible tasks. */
	if (helps && tr->want.helper_ms)
		msleep_interruptible(tr->want.helper_ms);
	if (tr->want.lock)
		scoped_guard(mutex, &trigger_lock);
	if (tr->want.us)
		stop = trigger_work(tr, start, end);
	err = start < tr->want.fail && tr->want.fail <= end ? -EIO : stop;

	trigger_end_chunk(tr, start, end, err, met);
	if (helps)
		atomic_dec(&trigger_helping);

	return err;
}

static void trigger_undo_fn(unsigned long start, unsigned long end, void *arg)
{
	struct trigger *tr = arg;

	guard(spinlock)(&tr->lock);

	if (current != tr->caller || tr->res.active)
		tr->res.broken = true;
	tr->res.undone += end - start;
	tr->res.balance -= trigger_area(start, end);
}

static int trigger_parse_word(struct trigger_request *want, char *word)
{
	char *value = strchr(word, '=');
	size_t i;

	if (!value)
		return -EINVAL;
	*value++ = '\0';

	for (i = 0; i < ARRAY_SIZE(trigger_keys); i++)
		if (!strcmp(word, trigger_keys[i].name))
			return kstrtoul(value, 0, (void *)want +
					trigger_keys[i].offset);

	return -EINVAL;
}

static int trigger_parse(struct trigger_request *want, char *text)
{
	char *word;

	memset(want, 0, sizeof(*want));
	while ((word = strsep(&text, " "))) {
		if (!*word || !trigger_parse_word(want, word))
			continue;
		pr_err("padata_mt_trigger: '%s' is not a known key with a number\n",
		       word);
		return -EINVAL;
	}
	if (want->max_threads > INT_MAX) {
		pr_err("padata_mt_trigger: max_threads is too large\n");
		return -EINVAL;
	}
	if (want->lock && want->locked) {
		pr_err("padata_mt_trigger: lock and locked together would deadlock\n");
		return -EINVAL;
	}

	return 0;
}

static struct padata_mt_job trigger_job(struct trigger *tr)
{
	const struct trigger_request *want = &tr->want;

	return (struct padata_mt_job){
		.thread_fn	= trigger_thread_fn,
		.undo_fn	= trigger_undo_fn,
		.fn_arg		= tr,
		.size		= want->size,
		.align		= want->align,
		.min_chunk	= want->min_chunk,
		.max_chunk	= want->max_chunk,
		.max_threads	= want->max_threads,
		.eager		= want->eager,
		.killable	= want->killable,
	};
}

/* A chunk that is a job */
static int trigger_nest_fn(unsigned long start, unsigned long end, void *arg)
{
	struct padata_mt_job job = trigger_job(arg);

	job.start = start;
	job.size = end - start;

	return padata_do_multithreaded(&job);
}

static int trigger_run(struct trigger *tr)
{
	const struct trigger_request *want = &tr->want;
	struct padata_mt_job job = trigger_job(tr);
	int err;

	job.stats = &tr->stats;
	if (want->nest) {
		job.thread_fn = trigger_nest_fn;
		job.min_chunk = DIV_ROUND_UP(want->size, want->nest);
		job.max_chunk = job.min_chunk;
		job.max_threads = 2;
	}

	atomic_inc(&trigger_jobs);
	if (want->locked)
		mutex_lock(&trigger_lock);
	err = padata_do_multithreaded(&job);
	if (want->locked)
		mutex_unlock(&trigger_lock);
	atomic_dec(&trigger_jobs);

	guard(spinlock)(&tr->lock);

	if (tr->res.active ||
	    tr->res.balance != (err ? 0 : trigger_area(0, want->size)))
		tr->res.broken = true;

	return err;
}

static int trigger_start(struct trigger *tr, char *text)
{
	if (!mutex_trylock(&tr->running))
		return -EBUSY;

	trigger_free_pages(tr);
	memset(&tr->res, 0, sizeof(tr->res));
	tr->caller = current;
	tr->caller_pid = current->pid;
	tr->err = trigger_parse(&tr->want, text);
	if (!tr->err)
		tr->err = trigger_run(tr);
	mutex_unlock(&tr->running);

	return tr->err;
}

static ssize_t trigger_write(struct file *file, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	struct trigger *tr = file->private_data;
	char *text, *words;
	int err = 0;

	if (count > PAGE_SIZE)
		return -EINVAL;
	text = memdup_user_nul(buf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);

	words = strim(text);
	if (!strcmp(words, "go")) {
		WRITE_ONCE(tr->res.go, true);
		wake_up_all(&tr->changed);
	} else {
		err = trigger_start(tr, words);
	}
	kfree(text);

	return err ?: count;
}

static void trigger_report_threads(struct trigger *tr, struct seq_buf *s)
{
	const struct trigger_thread *t = tr->res.thread;
	const char *role;

	for (; t < tr->res.thread + tr->res.threads; t++) {
		role = t->pid == tr->caller_pid ? "caller" : "helper";
		seq_buf_printf(s, "%s pid=%d chunks=%lu", role, t->pid,
			       t->chunks);
		seq_buf_printf(s, " min_nice=%d max_nice=%d end_nice=%d",
			       t->min_nice, t->max_nice, t->end_nice);
		seq_buf_printf(s, " allowed=%*pbl\n",
			       cpumask_pr_args(&t->allowed));
	}
}

static void trigger_report(struct trigger *tr)
{
	struct seq_buf s;
	unsigned int cpu;
	int node;

	seq_buf_init(&s, tr->text, sizeof(tr->text));

	guard(spinlock)(&tr->lock);

	seq_buf_printf(&s, "job err=%d broken=%d vain=%d", tr->err, tr->res.broken,
		       tr->res.vain);
	seq_buf_printf(&s, " threads=%u chunks=%lu", tr->res.threads, tr->res.chunks);
	seq_buf_printf(&s, " said_threads=%u said_chunks=%lu said_us=%llu",
		       tr->stats.threads, tr->stats.chunks,
		       div_u64(tr->stats.ns, NSEC_PER_USEC));
	seq_buf_printf(&s, " done=%lu undone=%lu active=%u peak=%d\n",
		       tr->res.done, tr->res.undone, tr->res.active,
		       atomic_read(&trigger_peak));
	trigger_report_threads(tr, &s);
	for_each_possible_cpu(cpu)
		if (tr->res.begun[cpu])
			seq_buf_printf(&s, "cpu%u begun=%lu\n", cpu,
				       tr->res.begun[cpu]);
	for_each_online_node(node)
		seq_buf_printf(&s, "node%d charged=%lu\n", node,
			       tr->res.charged[node]);

	tr->len = seq_buf_used(&s);
}

static ssize_t trigger_read(struct file *file, char __user *buf, size_t count,
			    loff_t *ppos)
{
	struct trigger *tr = file->private_data;

	guard(mutex)(&tr->reading);

	if (tr->len && tr->pos == tr->len) {
		tr->len = 0;
		tr->pos = 0;
		return 0;
	}
	if (!tr->len)
		trigger_report(tr);

	return simple_read_from_buffer(buf, count, &tr->pos, tr->text,
				       tr->len);
}

static int trigger_open(struct inode *inode, struct file *file)
{
	struct trigger *tr = kvzalloc_obj(*tr);

	if (!tr)
		return -ENOMEM;

	mutex_init(&tr->running);
	mutex_init(&tr->reading);
	init_waitqueue_head(&tr->changed);
	spin_lock_init(&tr->lock);
	INIT_LIST_HEAD(&tr->pages);
	file->private_data = tr;

	/* A stream has no lock on f_pos, so a report can be read while a job runs. */
	return stream_open(inode, file);
}

static int trigger_release(struct inode *inode, struct file *file)
{
	trigger_free_pages(file->private_data);
	kvfree(file->private_data);
	return 0;
}

static const struct file_operations trigger_fops = {
	.owner		= THIS_MODULE,
	.open		= trigger_open,
	.read		= trigger_read,
	.write		= trigger_write,
	.release	= trigger_release,
};

static struct miscdevice trigger_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "padata_mt_trigger",
	.fops	= &trigger_fops,
	.mode	= 0600,
};
module_misc_device(trigger_device);

MODULE_DESCRIPTION("Run multithreaded padata jobs for shell scripts");
MODULE_LICENSE("GPL");
