/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting for requests and waking for them, for spin: what wake.c, get.c,
 * caller.c, node.c, queue.c and cancel.c do for that, under the same names,
 * where stores become visible late.
 *
 * A store that others look for without a lock goes through a buffer of its
 * process, and from there to memory at any later moment, in order. A barrier
 * waits until the buffer is empty. Taking a lock does not: it only keeps what
 * follows behind it. Dropping it is a store as well, so what was stored before
 * is visible to the next holder. README.md says what is checked.
 */

/* ------------------------------------------------------------ scenarios */

/* scripts/check-model runs all that are listed here. */
#define WAITERS		1	/* two tasks in GET, two hardware queues */
#define POLLER		2	/* a task in GET, and one that polls */
#define BURST		3	/* two tasks in GET, two requests at once */
#define WATCHER		4	/* a task in GET that watches for deaths */
#define REMOVAL		5	/* a task in GET, one that polls, a removal */
#define EXCLUSIVE	6	/* two that poll with EPOLLEXCLUSIVE, one leaves */
#define WAKE		7	/* two tasks in GET on one file, a WAKE of one */

#ifndef SCENARIO
#define SCENARIO WAITERS
#endif

#if SCENARIO == WAITERS
#define HWQS		2
#define GETTERS		2
#define BURSTS		2
#define SIGNALS		1
#elif SCENARIO == POLLER
#define POLLERS		1
#define BURSTS		2
#define SIGNALS		1
#elif SCENARIO == EXCLUSIVE
#define GETTERS		0
#define POLLERS		2
#define LEAVERS		1
#elif SCENARIO == WAKE
#define GETTERS		2
#define WAKE_CALLS	1
#elif SCENARIO == BURST
#define GETTERS		2
#define BURST_LENGTH	2
#define SIGNALS		1
#elif SCENARIO == WATCHER
#define WATCHES		1
#define DEATHS		1
#elif SCENARIO == REMOVAL
#define POLLERS		1
#define REMOVALS	1
#endif

#ifndef HWQS
#define HWQS 1
#endif
#ifndef GETTERS			/* tasks that call GET again and again */
#define GETTERS 1
#endif
#ifndef POLLERS			/* tasks that poll, then call GET */
#define POLLERS 0
#endif
#ifndef BURSTS			/* submissions */
#define BURSTS 1
#endif
#ifndef BURST_LENGTH		/* requests in each */
#define BURST_LENGTH 1
#endif
#ifndef SIGNALS			/* signals and timeouts that end a GET for good */
#define SIGNALS 0
#endif
#ifndef LEAVERS			/* pollers that close their file */
#define LEAVERS 0
#endif
#ifndef WATCHES			/* do the tasks in GET watch for deaths? */
#define WATCHES 0
#endif
#ifndef DEATHS			/* of takers that hold a request */
#define DEATHS 0
#endif
#ifndef WAKE_CALLS		/* of USERBLK_WAKE, each for one wait */
#define WAKE_CALLS 0
#endif
#ifndef REMOVALS
#define REMOVALS 0
#endif

/* ----------------------------------------------------------- the checks */

/* The last word of a failed assertion is its name. */
#define CHECK(name, holds) assert((holds) || name)

hidden byte wake_up_is_not_lost;
hidden byte death_is_noticed;
hidden byte removal_wakes_all;
hidden byte wake_call_is_not_lost;

/* How it may be broken, in which scenario that is found, and by which check. */
#define WAKE_WITHOUT_BARRIER		1	/* WAITERS wake_up_is_not_lost */
#define WAIT_WITHOUT_BARRIER		2	/* WAITERS wake_up_is_not_lost */
#define REMOVE_WITHOUT_BARRIER		3	/* WAITERS wake_up_is_not_lost */
#define WAIT_LOOKS_FIRST		4	/* WAITERS wake_up_is_not_lost */
#define WAKE_LOOKS_AT_ONE_PLACE		5	/* WAITERS wake_up_is_not_lost */
#define GET_PASSES_NOTHING_ON		6	/* BURST wake_up_is_not_lost */
#define POLL_WITHOUT_BARRIER		7	/* POLLER wake_up_is_not_lost */
#define WAKE_SKIPS_POLLERS		8	/* POLLER wake_up_is_not_lost */
#define CLOSE_PASSES_NOTHING_ON		9	/* EXCLUSIVE wake_up_is_not_lost */
#define DEATH_WAKES_NOBODY		10	/* WATCHER death_is_noticed */
#define KILL_WAKES_ONE			11	/* REMOVAL removal_wakes_all */
#define WAKE_CALL_IS_LOOKED_FOR_FIRST	12	/* WAKE wake_call_is_not_lost */
#define WAKE_CALL_TAKES_NO_LOCK		13	/* WAKE wake_call_is_not_lost */
#define WAKE_CALL_PASSES_NOTHING_ON	14	/* WAKE wake_up_is_not_lost */

#ifndef BROKEN
#define BROKEN 0
#endif
hidden byte how_broken = BROKEN;
#define broken(how) (how_broken == how)

/* --------------------------------------------------------------- memory */

/* Processes, by their buffers. */
#define POLLER_TASK	GETTERS
#define LAST_POLLER	(GETTERS + POLLERS - 1)
#define FRONT		(GETTERS + POLLERS)
#define KILLER		(GETTERS + POLLERS + 1)
#define TASKS		(GETTERS + POLLERS + 2)

/* What is in memory: variable numbers. */
#define QUEUED(h)	(h)			/* hwq->queued */
#define HWQ_LOCK(h)	(HWQS + (h))
#define WAIT_LOCK(h)	(2 * HWQS + (h))	/* places[h].wait.lock */
#define POLLERS_LOCK	(3 * HWQS)
#define DYING		(3 * HWQS + 1)
#define CALLER_LOCK	(3 * HWQS + 2)
#define WAKES		(3 * HWQS + 3)		/* caller->wakes */
#define LISTED(p)	(3 * HWQS + 4 + (p))	/* in its wait queue */
#define VARIABLES	(3 * HWQS + 4 + TASKS)

byte memory[VARIABLES];

/* The buffers: what is stored where, and how much that is; first in, first out. */
#define BUFFER		4
byte variable[TASKS * BUFFER];
byte value[TASKS * BUFFER];
byte stored[TASKS];

/* A task sees its own stores. No variable is twice in a buffer. */
#define IS_STORED(v, i)	((i) < stored[me] && variable[me * BUFFER + (i)] == (v))
#define LOAD(v) \
	(IS_STORED(v, 0) -> value[me * BUFFER] : \
	 (IS_STORED(v, 1) -> value[me * BUFFER + 1] : \
	  (IS_STORED(v, 2) -> value[me * BUFFER + 2] : \
	   (IS_STORED(v, 3) -> value[me * BUFFER + 3] : memory[v]))))

bool asleep[TASKS];	/* TASK_INTERRUPTIBLE */
bool done[TASKS];	/* asks for requests no more */
bool orphans;		/* changed by atomics that are barriers */
byte signals, leavers = LEAVERS;

/* Where a task in GET waits. */
#define PLACE(p)	((p) % HWQS)

inline store(v, x)
{
	atomic {
		stored[me] < BUFFER ->
		variable[me * BUFFER + stored[me]] = v;
		value[me * BUFFER + stored[me]] = x;
		stored[me]++
	}
}

inline smp_mb()
{
	stored[me] == 0
}

inline spin_lock(v)
{
	d_step {
		memory[v] == 0 -> memory[v] = 1
	}
}

inline spin_unlock(v)
{
	store(v, 0)
}

#define SHIFT(p, i) \
	variable[p * BUFFER + i] = variable[p * BUFFER + i + 1]; \
	value[p * BUFFER + i] = value[p * BUFFER + i + 1]
#define FLUSH(p) \
	d_step { \
		stored[p] -> \
		memory[variable[p * BUFFER]] = value[p * BUFFER]; \
		SHIFT(p, 0); \
		SHIFT(p, 1); \
		SHIFT(p, 2); \
		variable[p * BUFFER + 3] = 0; \
		value[p * BUFFER + 3] = 0; \
		stored[p]-- \
	}

/* What brings stores to memory. */
proctype stores()
{
end:	do
	:: FLUSH(0)
	:: FLUSH(1)
	:: FLUSH(2)
#if TASKS > 3
	:: FLUSH(3)
#endif
	od
}

/* --------------------------------------------------------------- wake.c */

#define WAITS_AT(p, h)	((p) < GETTERS && PLACE(p) == (h) && LOAD(LISTED(p)))
/* waitqueue_active(): one load, of the list's head. */
#define ACTIVE(h)	(WAITS_AT(0, h) || (GETTERS > 1 && WAITS_AT(GETTERS - 1, h)))

/*
 * __wake_up(), under the list's lock: the first that sleeps, if any. Before it
 * looks whether a task sleeps, try_to_wake_up() issues a barrier.
 */
inline wake_up_locked(h)
{
	if
	:: ACTIVE(h) ->
		smp_mb();
		atomic {
			if
			:: WAITS_AT(0, h) && asleep[0] ->
				asleep[0] = false;
				store(LISTED(0), 0)
			:: GETTERS > 1 && WAITS_AT(GETTERS - 1, h) && asleep[GETTERS - 1] ->
				asleep[GETTERS - 1] = false;
				store(LISTED(GETTERS - 1), 0)
			:: else
			fi
		}
	:: else
	fi
}

inline wake_up(h)
{
	spin_lock(WAIT_LOCK(h));
	wake_up_locked(h);
	spin_unlock(WAIT_LOCK(h))
}

#define POLLS(p)	(POLLERS && LOAD(LISTED(p)))
#define ANY_POLLS	(POLLS(POLLER_TASK) || POLLS(LAST_POLLER))

/* Pollers stay in the list. With EPOLLEXCLUSIVE one of them is woken. */
inline wake_up_pollers()
{
	spin_lock(POLLERS_LOCK);
	if
	:: ANY_POLLS ->
		smp_mb();
		atomic {
			if
			:: POLLS(POLLER_TASK) && asleep[POLLER_TASK] ->
				asleep[POLLER_TASK] = false
			:: POLLS(LAST_POLLER) && asleep[LAST_POLLER] ->
				asleep[LAST_POLLER] = false
			:: else
			fi
		}
	:: else
	fi;
	spin_unlock(POLLERS_LOCK)
}

inline userblk_wake(index)
{
	atomic {
		broken(WAKE_WITHOUT_BARRIER) || stored[me] == 0;
		at = index
	};
	/* userblk_wake_waiter() */
	do
	:: ACTIVE(at) ->
		wake_up(at);
		woken = true;
		break
	:: else ->
		at = (at + 1) % HWQS;
		if
		:: at == index || broken(WAKE_LOOKS_AT_ONE_PLACE) -> break
		:: else
		fi
	od;
	if
#if POLLERS
	:: !woken && ANY_POLLS && !broken(WAKE_SKIPS_POLLERS) ->
		wake_up_pollers()
#endif
	:: else
	fi;
	at = 0;
	woken = false
}

inline userblk_wake_all()
{
	do
	:: at < HWQS ->
		spin_lock(WAIT_LOCK(at));
		wake_up_locked(at);
#if GETTERS > 1
		wake_up_locked(at);
#endif
		spin_unlock(WAIT_LOCK(at));
		at++
	:: else ->
		break
	od;
	at = 0;
#if POLLERS
	wake_up_pollers();
#endif
#if POLLERS > 1
	wake_up_pollers();
#endif
	skip
}

/* The waiters of one file, here all. Some too many may be woken. */
inline userblk_wake_owner()
{
	do
	:: at < HWQS ->
		if
		:: !broken(WAKE_CALL_TAKES_NO_LOCK) || ACTIVE(at) ->
			spin_lock(WAIT_LOCK(at));
			wake_up_locked(at);
#if GETTERS > 1
			wake_up_locked(at);
#endif
			spin_unlock(WAIT_LOCK(at))
		:: else
		fi;
		at++
	:: else ->
		break
	od;
	at = 0
}

/* ------------------------------------------------------------- queue.c */

inline userblk_queue_wake_for_rest()
{
	if
	:: LOAD(QUEUED(0)) ->
		userblk_wake(0)
#if HWQS > 1
	:: LOAD(QUEUED(0)) == 0 && LOAD(QUEUED(1)) ->
		userblk_wake(1)
#endif
	:: else
	fi
}

#define HAS_WORK	(LOAD(QUEUED(0)) || LOAD(QUEUED(HWQS - 1)))

/* One request of a hardware queue that seems to have any. */
inline userblk_hwq_take(h)
{
	spin_lock(HWQ_LOCK(h));
	atomic {
		if
		:: LOAD(QUEUED(h)) ->
			at = LOAD(QUEUED(h)) - 1;
			store(QUEUED(h), at);
			at = 0;
			got = true
		:: else
		fi;
		spin_unlock(HWQ_LOCK(h))
	}
}

/* ------------------------------------------------------------- caller.c */

#if WAKE_CALLS
/* One wait ends for each call. */
inline userblk_caller_use_wake()
{
	spin_lock(CALLER_LOCK);
	atomic {
		if
		:: LOAD(WAKES) ->
			store(WAKES, 0);
			err = true
		:: else
		fi;
		spin_unlock(CALLER_LOCK)
	}
}

inline userblk_caller_wake()
{
	spin_lock(CALLER_LOCK);
	atomic {
		store(WAKES, 1);
		spin_unlock(CALLER_LOCK)
	};
	userblk_wake_owner()
}
#endif

/* --------------------------------------------------------------- get.c */

/* What a task looks for before it sleeps; each is a load of its own. */
inline look_for_reasons()
{
	look = HAS_WORK;
#if REMOVALS
	look = look || LOAD(DYING);
#endif
#if WATCHES
	look = look || orphans;
#endif
	skip
}

/* Sleeps. err: a signal came, or the time is over. */
inline userblk_get_wait()
{
	if
	:: broken(WAIT_LOOKS_FIRST) ->
		look_for_reasons()
#if WAKE_CALLS
	:: broken(WAKE_CALL_IS_LOOKED_FOR_FIRST) && LOAD(WAKES) ->
		userblk_caller_use_wake()
#endif
	:: else
	fi;
	/* userblk_waiter_add() */
	spin_lock(WAIT_LOCK(PLACE(me)));
	atomic {
		store(LISTED(me), 1);
		asleep[me] = true
	};
	atomic {
		broken(WAIT_WITHOUT_BARRIER) || stored[me] == 0;
		spin_unlock(WAIT_LOCK(PLACE(me)))
	};
	if
	:: !broken(WAIT_LOOKS_FIRST) ->
		look_for_reasons()
	:: else
	fi;
#if WAKE_CALLS
	/* userblk_caller_is_woken() */
	if
	:: !look && LOAD(WAKES) && !broken(WAKE_CALL_IS_LOOKED_FOR_FIRST) ->
		userblk_caller_use_wake()
	:: else
	fi;
#endif
	/* schedule() */
end:	if
	:: look || err || !asleep[me]
	:: atomic { !look && !err && signals -> signals--; err = true }
	fi;
	/* userblk_waiter_remove() */
	atomic {
		asleep[me] = false;
		look = false
	};
	if
	:: LOAD(LISTED(me)) ->
		spin_lock(WAIT_LOCK(PLACE(me)));
		atomic {
			if
			:: LOAD(LISTED(me)) ->
				store(LISTED(me), 0)
			:: else
			fi;
			spin_unlock(WAIT_LOCK(PLACE(me)))
		}
	:: else
	fi;
	broken(REMOVE_WITHOUT_BARRIER) || stored[me] == 0
}

/* One call. wait: until there is something. */
inline userblk_get_run(wait)
{
	got = false;
	do
	:: true ->
		/* userblk_get_fill(), unless a signal kills the task */
		if
		:: !err && LOAD(QUEUED(0)) ->
			userblk_hwq_take(0)
#if HWQS > 1
		:: !err && LOAD(QUEUED(1)) ->
			userblk_hwq_take(1)
#endif
		:: else
		fi;
		if
		:: got || err || !wait || (WATCHES && orphans) || LOAD(DYING) ->
			break
		:: else
		fi;
		userblk_get_wait()
	od;
	if
	:: !broken(GET_PASSES_NOTHING_ON) && !(broken(WAKE_CALL_PASSES_NOTHING_ON) && err) ->
		userblk_queue_wake_for_rest()
	:: else
	fi
}

#define LOCALS \
	byte at; \
	bool woken, got, look, gone, err

proctype getter(byte me)
{
	LOCALS;

	do
	:: userblk_get_run(true);
	   if
	   :: err || LOAD(DYING) || (WATCHES && orphans) -> break
	   :: else
	   fi
	od;
	done[me] = true
}

/* -------------------------------------------------------------- node.c */

#if POLLERS
proctype poller(byte me)
{
	LOCALS;

	/* epoll: in the list for good. */
	spin_lock(POLLERS_LOCK);
	atomic {
		store(LISTED(me), 1);
		spin_unlock(POLLERS_LOCK)
	};
	do
	:: true ->
		/* The task sleeps from here on, unless there is something. */
		asleep[me] = true;
		/* userblk_node_poll() */
		broken(POLL_WITHOUT_BARRIER) || stored[me] == 0;
		look = HAS_WORK;
#if REMOVALS
		gone = LOAD(DYING);
#endif
end:		look || gone || !asleep[me];
		atomic {
			asleep[me] = false;
			look = false
		};
		if
		:: gone -> break
		/* userblk_node_flush(): it leaves without having taken it. */
		:: atomic { leavers && !gone -> leavers-- };
		   break
		:: !gone ->
			userblk_get_run(false)
		fi
	od;
	spin_lock(POLLERS_LOCK);
	atomic {
		store(LISTED(me), 0);
		spin_unlock(POLLERS_LOCK)
	};
	smp_mb();
	if
	:: !broken(CLOSE_PASSES_NOTHING_ON) ->
		userblk_queue_wake_for_rest()
	:: else
	fi;
	done[me] = true
}
#endif

/* ----------------------------------------------------------- the others */

/* Submits. */
proctype front(byte me)
{
	byte at, burst, h;
	bool woken;

	do
	:: burst < BURSTS ->
		h = burst % HWQS;
		/* userblk_queue_add() */
		spin_lock(HWQ_LOCK(h));
		atomic {
			if
			:: !LOAD(DYING) ->
				at = LOAD(QUEUED(h)) + BURST_LENGTH;
				store(QUEUED(h), at);
				at = 0
			:: else
			fi;
			spin_unlock(HWQ_LOCK(h))
		};
		/* userblk_queue_kick() */
		userblk_wake(h);
		burst++
	:: else ->
		break
	od
}

/* A taker that holds a request dies; or the device is removed; or a WAKE. */
proctype killer(byte me)
{
	byte at;

#if DEATHS
	/* userblk_taker_mark_dead() */
	orphans = true;
	if
	:: !broken(DEATH_WAKES_NOBODY) ->
		userblk_wake_all()
	:: else
	fi;
#endif
#if WAKE_CALLS
	userblk_caller_wake();
#endif
#if REMOVALS
	/* userblk_queue_kill() */
	spin_lock(HWQ_LOCK(0));
	atomic {
		store(DYING, 1);
		if
		:: LOAD(QUEUED(0)) ->
			store(QUEUED(0), 0)
		:: else
		fi;
		spin_unlock(HWQ_LOCK(0))
	};
	if
	:: broken(KILL_WAKES_ONE) ->
		wake_up(0)
	:: else ->
		userblk_wake_all()
	fi;
#endif
	skip
}

#define WAITS_FOR_MORE(p)	(!done[p] && (p) < FRONT)
#define ANYBODY_WAITS \
	(WAITS_FOR_MORE(0) || (FRONT > 1 && WAITS_FOR_MORE(FRONT - 1)))

init
{
	atomic {
		/* One program for all ways to break it. */
		c_code { if (getenv("BROKEN")) how_broken = atoi(getenv("BROKEN")); };
#if SIGNALS
		if
		:: signals = SIGNALS
		:: true
		fi;
#endif
		run stores();
#if GETTERS
		run getter(0);
#endif
#if GETTERS > 1
		run getter(1);
#endif
#if POLLERS
		run poller(POLLER_TASK);
#endif
#if POLLERS > 1
		run poller(LAST_POLLER);
#endif
		run front(FRONT);
#if DEATHS || REMOVALS || WAKE_CALLS
		run killer(KILLER)
#endif
	};
	/* Nothing moves any more. */
	timeout;
	CHECK(wake_up_is_not_lost, !(memory[QUEUED(0)] || memory[QUEUED(HWQS - 1)]) ||
	      !ANYBODY_WAITS);
	CHECK(death_is_noticed, !orphans || !ANYBODY_WAITS);
	CHECK(removal_wakes_all, !memory[DYING] || !ANYBODY_WAITS);
	CHECK(wake_call_is_not_lost, !memory[WAKES] || !ANYBODY_WAITS)
}
