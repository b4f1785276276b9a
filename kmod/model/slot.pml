/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The slot's word and its owners, for spin: what slot.h, queue.c, recovery.c,
 * cancel.c, put.c, payload.c and redirect.c do to a slot, under the same names.
 * README.md says what is checked and what is left out; scripts/check-model runs
 * it.
 *
 * Steps of processes interleave in every order. A step is a d_step or atomic
 * block, or a statement outside of one, and has one access to what others may
 * change at that moment: the word, or what a lock protects if the step takes or
 * drops that lock. A loop around cmpxchg is one step, as only its last turn
 * changes anything. A load followed by a store is two: look() and the
 * transition. All that happens is limited in number, so a run that stops with
 * something left undone has lost it.
 */

/* ------------------------------------------------------------ scenarios */

/* scripts/check-model runs all that are listed here. */
#define ANSWERS		1	/* one slot, two workers, deaths, a reset */
#define STRANGER	2	/* one slot, two workers, one who guesses ids */
#define REDIRECTS	3	/* one slot, redirected, adopted, reset, claimed */
#define ORDER		4	/* two slots, put back and given back */
#define LIMITS		5	/* a limit of deliveries, and one of time */
#define PAYLOADS	6	/* a READ filled through the control node */
#define REMOVAL		7	/* two hardware queues, removed */
#define REMOVAL_CLAIMED	8	/* one slot, removed among claims and redirection */
#define SUSPEND		9	/* planned: a noflush suspend of two slots */
#define SUSPEND_CLAIMED	10	/* planned: ... of one slot, claimed and redirected */
#define SUSPEND_ONE	11	/* planned: ... of one of two targets on a queue */
#define SUSPEND_REMOVAL	12	/* planned: ... and a removal meanwhile */

#ifndef SCENARIO
#define SCENARIO ANSWERS
#endif
#ifndef LONG			/* the long form has more of some */
#define LONG 0
#endif

#define PLANNED		(SCENARIO >= SUSPEND)

#if SCENARIO == ANSWERS
#define REQUESTS	3
#define WORKERS		2
#define DEATHS		(1 + LONG)
#define FETCHES		2
#define GIVES		2
#define REDIRECTIONS	1
#define RESETS		(1 + LONG)
#elif SCENARIO == STRANGER
#define WORKERS		2
#define FETCHES		1
#define GIVES		1
#define RESETS		1
#define STRANGERS	1
#elif SCENARIO == REDIRECTS
#define REDIRECTIONS	2
#define ADOPTIONS	1
#define FETCHES		1
#define DEATHS		1
#define RESETS		1
#define STRANGERS	1
#elif SCENARIO == ORDER
#define TAGS		2
#define REQUESTS	3
#define WORKERS		2
#define DEATHS		(1 + LONG)
#define GIVES		1
#define RESETS		(1 + LONG)
#elif SCENARIO == LIMITS
#define LIMIT		2
#define UNDOS		1
#define GIVES		1
#define EXPIRIES	1
#define RESETS		2
#define WORKERS		(1 + LONG)
#elif SCENARIO == PAYLOADS
#define WORKERS		2
#define FILLS		2
#define RESETS		1
#define STRANGERS	1
#elif SCENARIO == REMOVAL
#define HWQS		2
#define DEATHS		1
#define GIVES		1
#define RESETS		1
#define REMOVALS	1
#define REQUESTS	(2 + LONG)
#elif SCENARIO == REMOVAL_CLAIMED
#define STOPS		1
#define FETCHES		1
#define REDIRECTIONS	1
#define STRANGERS	1
#define REMOVALS	1
#define RESETS		LONG
#elif SCENARIO == SUSPEND
#define TAGS		2
#define WORKERS		2
#define DEATHS		1
#define STOPS		1
#define GIVES		1
#define SUSPENDS	(1 + LONG)
#define SIGNALS		1
#elif SCENARIO == SUSPEND_CLAIMED
#define REDIRECTIONS	1
#define STRANGERS	1
#define SUSPENDS	1
#define SIGNALS		1
#define RESETS		LONG
#elif SCENARIO == SUSPEND_ONE
#define TAGS		2
#define TARGETS		2
#define REQUESTS	3
#define GIVES		1
#define SUSPENDS	2
#define SIGNALS		1
#elif SCENARIO == SUSPEND_REMOVAL
#define DEATHS		1
#define GIVES		1
#define SUSPENDS	(1 + LONG)
#define SIGNALS		1
#define REMOVALS	1
#endif

/* How many of each, unless the scenario says so. */
#ifndef HWQS
#define HWQS 1
#endif
#ifndef TAGS			/* slots of each hardware queue */
#define TAGS 1
#endif
#ifndef TARGETS			/* of device mapper, planned */
#define TARGETS 1
#endif
#ifndef WORKERS
#define WORKERS 1
#endif

/* How often what may happen does. */
#ifndef REQUESTS		/* are submitted */
#define REQUESTS 2
#endif
#ifndef DEATHS			/* of workers, holding a request */
#define DEATHS 0
#endif
#ifndef STOPS			/* of workers, which go on at the end */
#define STOPS 0
#endif
#ifndef FETCHES			/* copies that do not answer, or meet a missing page */
#define FETCHES 0
#endif
#ifndef GIVES			/* requests given back */
#define GIVES 0
#endif
#ifndef UNDOS			/* faults while GET hands out */
#define UNDOS 0
#endif
#ifndef FILLS			/* pieces written through the control node */
#define FILLS 0
#endif
#ifndef REDIRECTIONS
#define REDIRECTIONS 0
#endif
#ifndef ADOPTIONS
#define ADOPTIONS 0
#endif
#ifndef RESETS			/* of the dead's, or of all */
#define RESETS 0
#endif
#ifndef STRANGERS		/* answers with ids that somebody guessed */
#define STRANGERS 0
#endif
#ifndef EXPIRIES		/* looks for what was queued for too long */
#define EXPIRIES 0
#endif
#ifndef REMOVALS
#define REMOVALS 0
#endif
#ifndef SUSPENDS		/* noflush; planned */
#define SUSPENDS 0
#endif
#ifndef SIGNALS			/* to who suspends */
#define SIGNALS 0
#endif
#ifndef LIMIT			/* deliveries of a request; 0: unlimited */
#define LIMIT 0
#endif

/* At most two. */
#define SLOTS		(HWQS * TAGS)
#define LAST		(SLOTS - 1)
#define HWQ(s)		((s) / TAGS)
#define TARGET(s)	((s) % TARGETS)

/* ----------------------------------------------------------- the checks */

/* The last word of a failed assertion is its name. */
#define CHECK(name, holds) assert((holds) || name)

hidden byte table_holds;
hidden byte owner_is_alone;
hidden byte ends_once;
hidden byte result_is_the_enders;
hidden byte late_answer_changes_nothing;
hidden byte payload_is_valid;
hidden byte no_stale_memory;
hidden byte order_of_submission;
hidden byte reset_spares_the_living;
hidden byte taker_counts;
hidden byte undone_does_not_count;
hidden byte nothing_is_lost;
hidden byte locks_are_dropped;
hidden byte removal_ends;
/* Planned. */
hidden byte held_is_not_handed_out;
hidden byte hold_spares_others;
hidden byte living_keeps_what_it_holds;
hidden byte push_back_is_accepted;
hidden byte suspend_ends;

/* How it may be broken, in which scenario that is found, and by which check. */
#define CLAIM_OF_ANY_GENERATION		1	/* ANSWERS late_answer_changes_nothing */
#define RETURN_OF_ANY_GENERATION	2	/* ANSWERS late_answer_changes_nothing */
#define REDIRECT_OF_ANY_GENERATION	3	/* ANSWERS late_answer_changes_nothing */
#define QUEUE_KEEPS_GENERATION		4	/* ANSWERS late_answer_changes_nothing */
#define UNCLAIM_FORGETS_RETURNING	5	/* ANSWERS nothing_is_lost */
#define RETURN_IS_NOT_OWNED		6	/* ANSWERS owner_is_alone */
#define COPY_WITHOUT_CLAIM		7	/* ANSWERS payload_is_valid */
#define TAKE_LEAVES_LISTED		8	/* ANSWERS table_holds */
#define CLAIM_OF_ANY_STATE		9	/* STRANGER owner_is_alone */
#define END_IGNORES_CLAIMS		10	/* STRANGER payload_is_valid */
#define END_IGNORES_STATE		11	/* STRANGER table_holds */
#define END_TELLS_RESULT_LATE		12	/* STRANGER result_is_the_enders */
#define UNCLAIM_FORGETS_ENDING		13	/* STRANGER nothing_is_lost */
#define UNCLAIM_ENDS_TWICE		14	/* STRANGER ends_once */
#define TAKER_AFTER_WORD		15	/* STRANGER taker_counts */
#define ADOPT_KEEPS_LOCK		16	/* REDIRECTS locks_are_dropped */
#define REDIRECT_FORGETS_CLAIMS		17	/* REDIRECTS table_holds */
#define REDIRECT_WITHOUT_LOCK		18	/* REDIRECTS taker_counts */
#define END_REDIRECTED_IGNORES_CLAIMS	19	/* REDIRECTS ends_once */
#define ADOPT_WITHOUT_CLAIM		20	/* REDIRECTS taker_counts */
#define ADOPT_WITHOUT_LOOK		21	/* REDIRECTS taker_counts */
#define RESET_LOOKS_BEFORE_LOCK		22	/* REDIRECTS reset_spares_the_living */
#define REQUEUE_UNSORTED		23	/* ORDER order_of_submission */
#define TAKE_FRESH_FIRST		24	/* ORDER order_of_submission */
#define TAKE_WITHOUT_LOCK		25	/* LIMITS owner_is_alone */
#define EXPIRE_WITHOUT_LOCK		26	/* LIMITS owner_is_alone */
#define UNDO_COUNTS			27	/* LIMITS undone_does_not_count */
#define TAKE_KEEPS_FILLED		28	/* PAYLOADS no_stale_memory */
#define FILLED_WITHOUT_CLAIM		29	/* PAYLOADS no_stale_memory */
#define ADD_IGNORES_DYING		30	/* REMOVAL removal_ends */
#define REQUEUE_IGNORES_DYING		31	/* REMOVAL removal_ends */
#define DYING_AFTER_LOCK		32	/* REMOVAL removal_ends */
#define KILL_SPARES_TAKEN		33	/* REMOVAL_CLAIMED removal_ends */
#define HOLD_LEAVES_QUEUED		34	/* SUSPEND_REMOVAL held_is_not_handed_out */
#define REQUEUE_IGNORES_HOLD		35	/* SUSPEND_REMOVAL held_is_not_handed_out */
#define HOLD_RESETS_ALL			36	/* SUSPEND_REMOVAL living_keeps_what_it_holds */
#define HOLD_FORGETS_THE_DEAD		37	/* SUSPEND suspend_ends */
#define PUSH_BACK_WITHOUT_WAIT		38	/* SUSPEND_REMOVAL push_back_is_accepted */
#define MAP_PUSHES_BACK_ALWAYS		39	/* SUSPEND_REMOVAL push_back_is_accepted */
#define MAP_PUSHES_BACK_NEVER		40	/* SUSPEND_CLAIMED suspend_ends */
#define PUSH_BACK_REDIRECTED		41	/* SUSPEND_CLAIMED payload_is_valid */
#define RELEASE_FORGETS_PARKED		42	/* SUSPEND_CLAIMED nothing_is_lost */
#define RELEASE_UNSORTED		43	/* SUSPEND_ONE order_of_submission */
#define RELEASE_LEAVES_FRESH		44	/* SUSPEND_ONE order_of_submission */
#define HOLD_TAKES_OTHERS		45	/* SUSPEND_ONE hold_spares_others */
#define KILL_FORGETS_PARKED		46	/* SUSPEND_REMOVAL removal_ends */

#ifndef BROKEN
#define BROKEN 0
#endif
hidden byte how_broken = BROKEN;
#define broken(how) (how_broken == how)

/* ------------------------------------------------------------- the word */

mtype = { REDIRECTED, RETURNING, ENDING, TAKEN, QUEUED, FREE };

#define WORD(generation, state, claims) \
	((generation) * 64 + (state) * 8 + (claims))
#define GENERATION(w)	((w) / 64)
#define STATE(w)	(((w) / 8) % 8)
#define CLAIMS(w)	((w) % 8)

short word[SLOTS];

/* Protected by the lock; both lists hold the QUEUED, with seq and slot. */
bool locked[HWQS];
chan fresh[HWQS] = [TAGS] of { byte, byte };
chan returned[HWQS] = [TAGS] of { byte, byte };
byte next_seq[HWQS];

/* Of each slot. */
byte seq[SLOTS];
byte taker[SLOTS];	/* 0: none */
byte status[SLOTS];
bool filled[SLOTS];
byte deliveries[SLOTS];	/* counted only with a limit, as is the next */
byte given_back[SLOTS];
bool io[SLOTS];		/* a redirected request's I/O has been started */

bool dying;

/* Of each process that takes: the stranger is the last one. */
#define THE_STRANGER	(WORKERS + 1)
byte taken[WORKERS + 2];
bool dead[WORKERS + 2];

/* Results. */
#define OK		1	/* by a PUT, or a file */
#define IOERR		2	/* removed, or delivered too often */
#define TIMEOUT		3	/* expired */

/* No code has these: what happened, for the checks. */
bool out[SLOTS];	/* the front end waits for a request's end */
byte delivery[SLOTS];	/* number of the slot's latest delivery */
bool outstanding[SLOTS];/* it may still be answered */
byte said[SLOTS];	/* the result of what ended the request */
byte filled_in[SLOTS];	/* the delivery in which the READ was filled */
byte really[SLOTS];	/* deliveries that were neither undone nor given back */

/* What is left of what may happen. */
byte requests = REQUESTS, deaths = DEATHS, fetches = FETCHES, gives = GIVES;
byte undos = UNDOS, fills = FILLS, adoptions = ADOPTIONS;
byte redirections = REDIRECTIONS, stops = STOPS;
bool mending;		/* nobody dies any more */
bool go_on;		/* what was stopped does */

#if PLANNED
/* Of a target; protected by each hwq->lock in turn. */
#define HELD		1	/* its requests wait in a list of their own */
#define PUSHED_BACK	2	/* and went back to device mapper */
byte hold[TARGETS];
chan parked[HWQS] = [TAGS] of { byte, byte };	/* QUEUED, not to be taken */
#define PUSHED		100	/* for last: goes back to device mapper */

/* Device mapper's; the first target is the one that is suspended. */
bool noflush;		/* DMF_NOFLUSH_SUSPENDING */
bool blocked;		/* DMF_BLOCK_IO_FOR_SUSPEND */
bool mapping;		/* within map: SRCU */
bool suspending;	/* the call has not returned */
bool swapped;		/* another table is in force */
byte deferred;		/* bios that it took back */
byte signals;
byte suspends = SUSPENDS - 1;

#define CAN_MAP(s)	(TARGET(s) || !(blocked || swapped))
#define DONE_ELSEWHERE	swapped
#else
#define CAN_MAP(s)	true
#define DONE_ELSEWHERE	false
#endif

/*
 * Of each process. s: the slot; g: the generation in the id that it holds; d:
 * the number of the delivery that it was given, 0 for a stranger; c: that of
 * the delivery that it has claimed; seen: the word as it was looked at; last:
 * what an unclaim left to do; yes: a transition took place; now: the caller
 * owns the RETURNING slot, and holds the lock.
 */
#define LOCALS \
	byte s, g, d, c, last; \
	short seen; \
	bool yes, now

/* The holder of this id has no business with the slot any more. */
#define LATE(s)		(d != 0 && (d != delivery[s] || !outstanding[s]))

/* One transition of the table in slot.h, printed when it is first seen. */
#define MOVE(s, from, to, claims) \
	CHECK(table_holds, STATE(word[s]) == from); \
	c_code { static int seen; if (!seen++) printf("transition " #from " " #to "\n"); }; \
	word[s] = WORD(GENERATION(word[s]), to, claims)

/* ... of one that is no cmpxchg: nobody else may have changed the word. */
#define STORE(s) \
	CHECK(owner_is_alone, word[s] == seen && CLAIMS(seen) == 0); \
	word[s] = seen; \
	seen = 0

inline spin_lock(h)
{
	!locked[h] -> locked[h] = true
}

inline spin_unlock(h)
{
	locked[h] = false
}

/* ---------------------------------------------------------------- slot.h */

inline look(s)
{
	seen = word[s]
}

inline userblk_slot_queue(s)
{
	STORE(s);
	if
	:: STATE(word[s]) == FREE ->
		MOVE(s, FREE, QUEUED, 0)
	:: else ->
		MOVE(s, RETURNING, QUEUED, 0)
	fi;
	if
	:: !broken(QUEUE_KEEPS_GENERATION) ->
		word[s] = word[s] + WORD(1, 0, 0)
	:: else
	fi
}

inline userblk_slot_take(s)
{
	STORE(s);
	MOVE(s, QUEUED, TAKEN, 0);
	g = GENERATION(word[s])
}

inline userblk_slot_free(s)
{
	STORE(s);
	if
	:: STATE(word[s]) == QUEUED ->
		MOVE(s, QUEUED, FREE, 0)
	:: else ->
		MOVE(s, RETURNING, FREE, 0)
	fi
}

#define IS_TAKEN(s, g)	(STATE(word[s]) == TAKEN && GENERATION(word[s]) == (g))

inline userblk_slot_claim(s)
{
	if
	:: (STATE(word[s]) == TAKEN || broken(CLAIM_OF_ANY_STATE)) &&
	   (GENERATION(word[s]) == g || broken(CLAIM_OF_ANY_GENERATION)) ->
		CHECK(late_answer_changes_nothing, !LATE(s));
		word[s] = word[s] + 1;
		c = delivery[s];
		yes = true
	:: else ->
		yes = false
	fi
}

inline userblk_slot_unclaim(s)
{
	c = 0;
	word[s] = word[s] - 1;
	if
	:: CLAIMS(word[s]) ->
		last = TAKEN
	:: !CLAIMS(word[s]) && STATE(word[s]) == ENDING && !broken(UNCLAIM_FORGETS_ENDING) ->
		MOVE(s, ENDING, FREE, 0);
		last = FREE
	:: else ->
		last = STATE(word[s])
	fi;
	if
	:: broken(UNCLAIM_ENDS_TWICE) && STATE(word[s]) == ENDING ->
		last = FREE
	:: else
	fi
}

/*
 * Only the word. last: FREE or, if the status and the claim are left to see to,
 * ENDING.
 */
inline userblk_slot_end(s, result)
{
	if
	:: STATE(word[s]) != TAKEN && !broken(END_IGNORES_STATE) ->
		yes = false;
		last = ENDING
	:: else ->
		yes = true;
		outstanding[s] = false;
		said[s] = result;
		if
		:: CLAIMS(word[s]) == 1 || broken(END_IGNORES_CLAIMS) ->
			MOVE(s, TAKEN, FREE, 0);
			status[s] = result;
			c = 0;
			last = FREE
		:: else ->
			MOVE(s, TAKEN, ENDING, CLAIMS(word[s]));
			last = ENDING
		fi
	fi
}

inline userblk_slot_return(s)
{
	if
	:: STATE(word[s]) == TAKEN &&
	   (GENERATION(word[s]) == g || broken(RETURN_OF_ANY_GENERATION)) ->
		CHECK(late_answer_changes_nothing, !LATE(s));
		now = !CLAIMS(word[s]) || broken(RETURN_IS_NOT_OWNED);
		MOVE(s, TAKEN, RETURNING, CLAIMS(word[s]));
		outstanding[s] = false;
		yes = true
	:: else ->
		now = false;
		yes = false
	fi
}

inline userblk_slot_redirect_unclaimed(s)
{
	if
	:: STATE(word[s]) == TAKEN &&
	   (GENERATION(word[s]) == g || broken(REDIRECT_OF_ANY_GENERATION)) &&
	   (!CLAIMS(word[s]) || broken(REDIRECT_WITHOUT_LOCK)) ->
		CHECK(late_answer_changes_nothing, !LATE(s));
		MOVE(s, TAKEN, REDIRECTED, CLAIMS(word[s]));
		outstanding[s] = false;
		yes = true
	:: else ->
		yes = false
	fi
}

inline userblk_slot_redirect(s)
{
	if
	:: IS_TAKEN(s, g) ->
		CHECK(late_answer_changes_nothing, !LATE(s));
		if
		:: broken(REDIRECT_FORGETS_CLAIMS) ->
			MOVE(s, TAKEN, REDIRECTED, 0)
		:: else ->
			MOVE(s, TAKEN, REDIRECTED, CLAIMS(word[s]))
		fi;
		outstanding[s] = false;
		yes = true
	:: else ->
		yes = false
	fi
}

/* The status was written before. */
inline userblk_slot_end_redirected(s)
{
	if
	:: !CLAIMS(word[s]) || broken(END_REDIRECTED_IGNORES_CLAIMS) ->
		MOVE(s, REDIRECTED, FREE, 0);
		last = FREE
	:: else ->
		MOVE(s, REDIRECTED, ENDING, CLAIMS(word[s]));
		last = TAKEN
	fi
}

/* ------------------------------------------------------- ends of requests */

/* By the slot's owner, or under what keeps others from changing the taker. */
inline userblk_slot_drop_taker(s)
{
	if
	:: taker[s] ->
		taken[taker[s]]--;
		taker[s] = 0
	:: else
	fi
}

/* The slot is the front end's from here on. */
inline ended(s)
{
	userblk_slot_drop_taker(s);
	CHECK(ends_once, out[s] && STATE(word[s]) == FREE);
	CHECK(result_is_the_enders, status[s] == said[s]);
	status[s] = 0;
	said[s] = 0;
	seq[s] = 0;
	deliveries[s] = 0;
	given_back[s] = 0;
	really[s] = 0;
	out[s] = false
}

/* front->ops->end() */
inline userblk_completions_flush(s)
{
	d_step {
		ended(s);
		last = 0
	}
}

#if PLANNED
/* Ends a bio with BLK_STS_DM_REQUEUE, which fails it unless noflush is set. */
inline userblk_dm_push_back(s)
{
	d_step {
		CHECK(push_back_is_accepted, noflush);
		CHECK(living_keeps_what_it_holds, !outstanding[s]);
		CHECK(hold_spares_others, TARGET(s) == 0);
		ended(s);
		deferred++;
		last = 0
	}
}
#endif

#define IS_EXHAUSTED(s)	(LIMIT > 0 && deliveries[s] - given_back[s] >= LIMIT)

/*
 * Under the lock, after look(). last: FREE if the caller ends the request once
 * it has dropped the lock.
 */
inline userblk_hwq_requeue(s)
{
	if
	:: (dying && !broken(REQUEUE_IGNORES_DYING)) || IS_EXHAUSTED(s) ->
		CHECK(undone_does_not_count, dying || really[s] >= LIMIT);
		userblk_slot_free(s);
		status[s] = IOERR;
		said[s] = IOERR;
		last = FREE
#if PLANNED
	:: !dying && !IS_EXHAUSTED(s) && hold[TARGET(s)] && !broken(REQUEUE_IGNORES_HOLD) ->
		if
		:: broken(PUSH_BACK_WITHOUT_WAIT) && hold[TARGET(s)] == PUSHED_BACK ->
			userblk_slot_free(s);
			last = PUSHED
		:: else ->
			userblk_slot_queue(s);
			parked[HWQ(s)]!!seq[s], s;
			last = 0
		fi
#endif
	:: else ->
		userblk_slot_queue(s);
		if
		:: broken(REQUEUE_UNSORTED) ->
			returned[HWQ(s)]!seq[s], s
		:: else ->
			returned[HWQ(s)]!!seq[s], s
		fi;
		last = 0
	fi
}

/*
 * What an unclaim, an end or a return has left to do. RETURNING: the last claim
 * was dropped and userblk_queue_requeue() takes the lock, or the caller of
 * userblk_slot_return() has it.
 */
inline do_the_rest(s)
{
	if
	:: last == RETURNING && (now || !broken(UNCLAIM_FORGETS_RETURNING)) ->
		d_step {
			now || !locked[HWQ(s)];
			locked[HWQ(s)] = true;
			now = false;
			userblk_slot_drop_taker(s);
			look(s)
		};
		d_step {
			userblk_hwq_requeue(s);
			spin_unlock(HWQ(s))
		}
	:: else
	fi;
	if
	:: last == FREE ->
		userblk_completions_flush(s)
#if PLANNED
	:: last == PUSHED ->
		userblk_dm_push_back(s)
#endif
	:: else
	fi;
	last = 0
}

/* Drops the claim. Leaves the rest to do_the_rest(). */
inline userblk_queue_end(s, result)
{
	d_step {
		userblk_slot_end(s, result)
	};
	if
	:: last == ENDING ->
		if
		:: yes && !broken(END_TELLS_RESULT_LATE) ->
			status[s] = result
		:: else
		fi;
		d_step {
			userblk_slot_unclaim(s)
		};
		if
		:: yes && broken(END_TELLS_RESULT_LATE) ->
			status[s] = result
		:: else
		fi
	:: else
	fi
}

/* ---------------------------------------------------------- add and take */

/* The front end has filled in the slot. yes: it was added. */
inline userblk_queue_add(s)
{
	d_step {
		spin_lock(HWQ(s));
		yes = !dying || broken(ADD_IGNORES_DYING);
		look(s)
	};
	d_step {
#if PLANNED
		if
		:: yes && !broken(MAP_PUSHES_BACK_NEVER) && hold[TARGET(s)] == PUSHED_BACK &&
		   (noflush || broken(MAP_PUSHES_BACK_ALWAYS)) ->
			yes = false;
			last = PUSHED
		:: else
		fi;
#endif
		if
		:: yes ->
			userblk_slot_queue(s);
			seq[s] = next_seq[HWQ(s)];
			next_seq[HWQ(s)]++;
#if PLANNED
			if
			:: hold[TARGET(s)] ->
				parked[HWQ(s)]!!seq[s], s
			:: else ->
				fresh[HWQ(s)]!seq[s], s
			fi
#else
			fresh[HWQ(s)]!seq[s], s
#endif
		:: else ->
			seen = 0
		fi;
		spin_unlock(HWQ(s))
	}
}

#define CAN_TAKE(h) \
	((len(fresh[h]) || len(returned[h])) && \
	 (!locked[h] || broken(TAKE_WITHOUT_LOCK)))

/* Nothing that waits in the same hardware queue was submitted before it. */
#if PLANNED
#define MAY_BE_TAKEN(o)	(STATE(word[o]) == QUEUED && !hold[TARGET(o)])
#else
#define MAY_BE_TAKEN(o)	(STATE(word[o]) == QUEUED)
#endif
#define OLDER(o, s)	(HWQ(o) == HWQ(s) && MAY_BE_TAKEN(o) && seq[o] < seq[s])
#define IN_ORDER(s)	(!OLDER(0, s) && !OLDER(LAST, s))

/* One request, for process me. The first step; the caller knows that it can. */
inline take_look(h, me)
{
	locked[h] = true;
	CHECK(owner_is_alone, len(returned[h]) || len(fresh[h]));
	if
	:: len(returned[h]) && !(broken(TAKE_FRESH_FIRST) && len(fresh[h])) ->
		returned[h]?_, s
	:: else ->
		fresh[h]?_, s
	fi;
#if PLANNED
	CHECK(held_is_not_handed_out, !hold[TARGET(s)]);
#endif
	CHECK(order_of_submission, IN_ORDER(s));
	if
	:: broken(TAKE_LEAVES_LISTED) ->
		returned[h]!seq[s], s
	:: else
	fi;
	deliveries[s] = deliveries[s] + (LIMIT > 0);
	really[s] = really[s] + (LIMIT > 0);
	filled[s] = filled[s] && broken(TAKE_KEEPS_FILLED);
	taken[me]++;
	if
	:: !broken(TAKER_AFTER_WORD) ->
		taker[s] = me
	:: else
	fi;
	look(s)
}

inline userblk_hwq_take(h, me)
{
	d_step {
		userblk_slot_take(s);
		outstanding[s] = true;
		delivery[s]++;
		d = delivery[s];
		locked[h] = broken(TAKER_AFTER_WORD);
	};
	if
	:: broken(TAKER_AFTER_WORD) ->
		d_step {
			taker[s] = me;
			spin_unlock(h)
		}
	:: else
	fi;
	h = 0
}

/* ------------------------------------------------------ give back, adopt */

/* Leaves the rest, and the lock if now, to do_the_rest(). */
inline userblk_queue_give_back(s, undo)
{
	d_step {
		spin_lock(HWQ(s));
		userblk_slot_return(s);
		if
		:: yes && LIMIT > 0 && undo ->
			deliveries[s] = deliveries[s] - !broken(UNDO_COUNTS);
			really[s]--
		:: yes && LIMIT > 0 && !undo ->
			given_back[s]++;
			really[s]--
		:: else
		fi;
		locked[HWQ(s)] = now;
		last = (now -> RETURNING : 0)
	}
}

inline userblk_queue_adopt(s, me)
{
	d_step {
		userblk_slot_claim(s);
		if
		:: yes && broken(ADOPT_WITHOUT_CLAIM) ->
			word[s] = word[s] - 1;
			c = 0
		:: else
		fi
	};
	if
	:: yes ->
		d_step {
			spin_lock(HWQ(s));
			yes = IS_TAKEN(s, g) || broken(ADOPT_WITHOUT_LOOK)
		};
		d_step {
			if
			:: yes ->
				taken[me]++;
				userblk_slot_drop_taker(s);
				taker[s] = me
			:: else
			fi;
			locked[HWQ(s)] = !yes && broken(ADOPT_KEEPS_LOCK)
		};
		if
		:: !broken(ADOPT_WITHOUT_CLAIM) ->
			d_step {
				userblk_slot_unclaim(s)
			}
		:: else
		fi
	:: else
	fi
}

/* ------------------------------------------- put.c, payload.c, redirect.c */

/* One byte of a copy, at any moment of it. */
#define TOUCH(s) \
	CHECK(payload_is_valid, out[s] && delivery[s] == c)

/* A COMPLETE with data; STORE. */
inline userblk_put_complete(s)
{
	if
	:: broken(COPY_WITHOUT_CLAIM) && d ->
		c = d;
		TOUCH(s)
	:: else
	fi;
	d_step {
		userblk_slot_claim(s)
	};
	if
	:: yes ->
		TOUCH(s);
		userblk_queue_end(s, OK)
	:: else
	fi
}

/* FETCH. Another answer that finds a page missing does the same and tries again. */
inline userblk_put_fetch(s)
{
	d_step {
		userblk_slot_claim(s)
	};
	if
	:: yes ->
		TOUCH(s);
		d_step {
			userblk_slot_unclaim(s)
		}
	:: else
	fi
}

/* A COMPLETE without data: the READ came through the control node. */
inline put_complete_filled(s)
{
	d_step {
		userblk_slot_claim(s)
	};
	if
	:: yes ->
		d_step {
			yes = filled[s];
			CHECK(no_stale_memory, !yes || filled_in[s] == delivery[s])
		};
		userblk_queue_end(s, (yes -> OK : IOERR))
	:: else
	fi
}

/* pwrite() to the control node. */
inline userblk_payload_write_iter(s)
{
	d_step {
		userblk_slot_claim(s)
	};
	if
	:: yes ->
		TOUCH(s);
		if
		:: broken(FILLED_WITHOUT_CLAIM) ->
			filled_in[s] = c;
			d_step {
				userblk_slot_unclaim(s)
			};
			filled[s] = true
		:: else ->
			d_step {
				filled_in[s] = c;
				filled[s] = true
			};
			d_step {
				userblk_slot_unclaim(s)
			}
		fi
	:: else
	fi
}

/* Without the lock: another's change in between is lost. */
inline drop_taker_unlocked(s)
{
	c = taker[s];
	d_step {
		taken[c] = taken[c] - (c != 0);
		taker[s] = 0;
		c = 0
	}
}

inline userblk_queue_redirect(s)
{
	d_step {
		userblk_slot_redirect_unclaimed(s)
	};
	if
	:: !yes ->
		/* userblk_queue_redirect_claimed() */
		d_step {
			!locked[HWQ(s)];
			userblk_slot_redirect(s)
		}
	:: else
	fi;
	if
	:: yes ->
		drop_taker_unlocked(s);
		io[s] = true
	:: else
	fi
}

/* ------------------------------------------------------------------ RESET */

#define FIRST_OF_HWQ(s)	((s) % TAGS == 0)
#define LAST_OF_HWQ(s)	((s) % TAGS == TAGS - 1)
#define IS_DEAD_ONES(s)	(taker[s] && dead[taker[s]])
#define MATCHES(s, all) \
	(STATE(word[s]) == TAKEN && (all != OF_THE_DEAD || IS_DEAD_ONES(s)))
#define OF_THE_DEAD	0
#define OF_ALL		1
#define OF_ALL_BY_HOLD	2	/* broken */

/* left: 1 for the first slot, 2 for the second. */
inline userblk_queue_end_list()
{
	if
	:: left % 2 ->
		userblk_completions_flush(0)
	:: else
	fi;
	if
	:: left / 2 ->
		userblk_completions_flush(LAST)
	:: else
	fi;
	left = 0
}

/* Puts back what is taken by the dead, or by all. */
inline userblk_queue_reset(all)
{
	do
	:: s < SLOTS ->
		if
		:: broken(RESET_LOOKS_BEFORE_LOCK) ->
			now = MATCHES(s, all)
		:: else
		fi;
		/* userblk_hwq_reset_slot() */
		d_step {
			!FIRST_OF_HWQ(s) || !locked[HWQ(s)];
			locked[HWQ(s)] = true;
			if
			:: !broken(RESET_LOOKS_BEFORE_LOCK) ->
				now = MATCHES(s, all)
			:: else
			fi;
			g = GENERATION(word[s])
		};
		if
		:: now ->
			d_step {
				userblk_slot_return(s);
				CHECK(reset_spares_the_living, !yes || all != OF_THE_DEAD || IS_DEAD_ONES(s));
				CHECK(living_keeps_what_it_holds, !yes || all != OF_ALL_BY_HOLD || IS_DEAD_ONES(s))
			}
		:: else
		fi;
		if
		:: now ->
			d_step {
				userblk_slot_drop_taker(s);
				look(s)
			};
			d_step {
				userblk_hwq_requeue(s);
				left = left + (last == FREE -> 1 + s : 0);
				now = false;
				last = 0
			}
		:: else
		fi;
		d_step {
			g = 0;
			yes = false;
			if
			:: LAST_OF_HWQ(s) ->
				spin_unlock(HWQ(s))
			:: else
			fi
		};
		if
		:: LAST_OF_HWQ(s) ->
			userblk_queue_end_list()
		:: else
		fi;
		s++
	:: else ->
		break
	od;
	s = 0
}

/* --------------------------------------------------------------- cancel.c */

/* Under the lock: one that is queued. */
inline userblk_hwq_cancel(s, result)
{
	d_step {
		if
		:: fresh[HWQ(s)]??[eval(seq[s]), eval(s)] ->
			fresh[HWQ(s)]??eval(seq[s]), eval(s)
		:: returned[HWQ(s)]??[eval(seq[s]), eval(s)] ->
			returned[HWQ(s)]??eval(seq[s]), eval(s)
#if PLANNED
		:: parked[HWQ(s)]??[eval(seq[s]), eval(s)] ->
			parked[HWQ(s)]??eval(seq[s]), eval(s)
#endif
		:: else ->
			CHECK(owner_is_alone, false)
		fi;
		look(s)
	};
	d_step {
		userblk_slot_free(s);
		status[s] = result;
		said[s] = result;
		left = left + 1 + s
	}
}

inline userblk_queue_expire()
{
	do
	:: s < SLOTS ->
		if
		:: FIRST_OF_HWQ(s) && !broken(EXPIRE_WITHOUT_LOCK) ->
			d_step {
				spin_lock(HWQ(s))
			}
		:: else
		fi;
		if
		:: STATE(word[s]) == QUEUED ->
			userblk_hwq_cancel(s, TIMEOUT)
		:: true
		fi;
		if
		:: LAST_OF_HWQ(s) ->
			if
			:: !broken(EXPIRE_WITHOUT_LOCK) ->
				spin_unlock(HWQ(s))
			:: else
			fi;
			userblk_queue_end_list()
		:: else
		fi;
		s++
	:: else ->
		break
	od;
	s = 0
}

/* Of one slot. */
inline userblk_hwq_end_taken(s)
{
	g = GENERATION(word[s]);
	do
	:: IS_TAKEN(s, g) && !broken(KILL_SPARES_TAKEN) ->
		d_step {
			userblk_slot_claim(s)
		};
		if
		:: yes ->
			userblk_queue_end(s, IOERR);
			do_the_rest(s)
		:: else
		fi
	:: else ->
		break
	od;
	atomic {
		yes = false;
		g = 0
	}
}

inline userblk_queue_kill()
{
	do
	:: s < SLOTS ->
		if
		:: FIRST_OF_HWQ(s) ->
			d_step {
				spin_lock(HWQ(s));
				dying = dying || !broken(DYING_AFTER_LOCK)
			}
		:: else
		fi;
		if
#if PLANNED
		:: STATE(word[s]) == QUEUED && !(broken(KILL_FORGETS_PARKED) && hold[TARGET(s)]) ->
#else
		:: STATE(word[s]) == QUEUED ->
#endif
			userblk_hwq_cancel(s, IOERR)
		:: else
		fi;
		if
		:: LAST_OF_HWQ(s) ->
			spin_unlock(HWQ(s));
			dying = true;
			userblk_queue_end_list();
			if
			:: TAGS > 1 ->
				s--;
				userblk_hwq_end_taken(s);
				s++
			:: else
			fi;
			userblk_hwq_end_taken(s)
		:: else
		fi;
		s++
	:: else ->
		break
	od;
	s = 0
}

/* --------------------------------------------------- hold, push back, release */

#if PLANNED
#define IS_TARGETS(s)	(TARGET(s) == 0 || broken(HOLD_TAKES_OTHERS))
#define IS_IDLE(s) \
	(!IS_TARGETS(s) || STATE(word[s]) == FREE || STATE(word[s]) == QUEUED || \
	 (STATE(word[s]) == REDIRECTED && broken(PUSH_BACK_REDIRECTED)))
#define ALL_IDLE	(IS_IDLE(0) && IS_IDLE(LAST))
#define HAS_ORPHAN(s)	(IS_TARGETS(s) && STATE(word[s]) == TAKEN && IS_DEAD_ONES(s))

/* Under the lock: from one list to another what is the target's. */
inline park(from, s)
{
	if
	:: IS_TARGETS(s) && from??[eval(seq[s]), eval(s)] ->
		from??eval(seq[s]), eval(s);
		parked[HWQ(s)]!!seq[s], s
	:: else
	fi
}

/* From now on the target's requests are not handed out. */
inline userblk_queue_hold()
{
	d_step {
		!locked[0];
		hold[0] = HELD;
		if
		:: !broken(HOLD_LEAVES_QUEUED) ->
			park(returned[0], 0);
			park(fresh[0], 0);
			park(returned[0], LAST);
			park(fresh[0], LAST)
		:: else
		fi
	}
}

/* Nothing of the target is held by a worker, a file or a claim: all that waits. */
inline userblk_queue_push_back()
{
	d_step {
		spin_lock(0);
		hold[0] = PUSHED_BACK
	};
	do
	:: s < SLOTS ->
		if
		:: parked[0]??[eval(seq[s]), eval(s)] ->
			userblk_hwq_cancel(s, 0)
		:: STATE(word[s]) == REDIRECTED && broken(PUSH_BACK_REDIRECTED) ->
			word[s] = WORD(GENERATION(word[s]), FREE, 0);
			left = left + 1 + s
		:: else
		fi;
		s++
	:: else ->
		break
	od;
	spin_unlock(0);
	s = 0;
	if
	:: left % 2 ->
		userblk_dm_push_back(0)
	:: else
	fi;
	if
	:: left / 2 ->
		userblk_dm_push_back(LAST)
	:: else
	fi;
	left = 0
}

/* All that waits may be taken, in order of submission. Wakes waiters. */
inline userblk_queue_release()
{
	d_step {
		!locked[0];
		hold[0] = 0;
		do
		:: len(parked[0]) && !broken(RELEASE_FORGETS_PARKED) && !broken(RELEASE_UNSORTED) ->
			parked[0]?c, g;
			returned[0]!!c, g
		:: len(parked[0]) && broken(RELEASE_UNSORTED) ->
			parked[0]?c, g;
			fresh[0]!c, g
		:: len(fresh[0]) && !len(parked[0]) && !broken(RELEASE_LEAVES_FRESH) && !broken(RELEASE_UNSORTED) ->
			fresh[0]?c, g;
			returned[0]!!c, g
		:: else ->
			break
		od;
		c = 0;
		g = 0
	}
}

/*
 * Waits within presuspend, where noflush stays set: on a signal device mapper
 * clears it before it calls presuspend_undo, and fails what comes back then.
 */
inline userblk_dm_presuspend()
{
	userblk_queue_hold();
	do
	:: ALL_IDLE || broken(PUSH_BACK_WITHOUT_WAIT) ->
		userblk_queue_push_back();
		break
	:: ((HAS_ORPHAN(0) || HAS_ORPHAN(LAST)) && !broken(HOLD_FORGETS_THE_DEAD)) ||
	   (!ALL_IDLE && broken(HOLD_RESETS_ALL)) ->
		userblk_queue_reset((broken(HOLD_RESETS_ALL) -> OF_ALL_BY_HOLD : OF_THE_DEAD))
	:: atomic { signals && !ALL_IDLE -> signals--; pending = true };
		userblk_queue_release();
		break
	od
}

/* Called by device mapper within SRCU. */
inline userblk_dm_map(s)
{
	userblk_queue_add(s);
	if
	:: last == PUSHED ->
		userblk_dm_push_back(s)
	:: last != PUSHED && !yes ->
		out[s] = false
	:: else
	fi;
	mapping = false
}

/* __dm_suspend(), with noflush, and what follows. */
proctype suspender()
{
	LOCALS;
	byte left;
	bool pending;	/* a signal */

again:	atomic {
		suspending = true;
		noflush = true
	};
	userblk_dm_presuspend();
	blocked = true;
	/* synchronize_srcu() */
	!mapping;
	if
	:: !out[0] && (TARGET(LAST) || !out[LAST]) ->
		/* Nobody may write any more to what this table is on. */
		CHECK(living_keeps_what_it_holds, !outstanding[0] && !io[0]);
		CHECK(living_keeps_what_it_holds, TARGET(LAST) || (!outstanding[LAST] && !io[LAST]));
		noflush = false;
		if
		:: swapped = true
		:: userblk_queue_release()
		fi
	:: pending || signals ->
		signals = signals - !pending;
		noflush = false;
		/* dm_queue_flush(), then presuspend_undo. */
		blocked = false;
		userblk_queue_release()
	fi;
	blocked = false;
	suspending = false;
	if
	:: atomic { suspends && !swapped -> suspends--; pending = false };
	   goto again
	:: else
	fi
}

/* Device mapper submits again what it took back, to the table in force. */
proctype dm()
{
end:	do
	:: atomic { deferred && !blocked -> deferred--; requests = requests + !swapped }
	od
}
#endif

/* -------------------------------------------------------------- processes */

/* Submits requests. */
proctype front()
{
	LOCALS;

end:	do
	:: atomic {
		requests && ((!out[0] && CAN_MAP(0)) || (!out[LAST] && CAN_MAP(LAST))) ->
		if
		:: !out[0] && CAN_MAP(0) -> s = 0
		:: !out[LAST] && CAN_MAP(LAST) -> s = LAST
		fi;
		requests--;
#if PLANNED
		mapping = mapping || TARGET(s) == 0;
#endif
		out[s] = true
	   };
#if PLANNED
	   userblk_dm_map(s);
#else
	   userblk_queue_add(s);
	   if
	   :: !yes ->
		/* userblk_disk_refuse() */
		out[s] = false
	   :: else
	   fi;
#endif
	   atomic {
		yes = false;
		last = 0;
		s = 0
	   }
	od
}

/* Files, and whatever context ends their I/O. */
proctype files()
{
	LOCALS;

end:	do
	:: atomic {
		if
		:: io[0] -> s = 0
		:: io[LAST] -> s = LAST
		fi;
		CHECK(payload_is_valid, out[s]);
		io[s] = false;
		status[s] = OK;
		said[s] = OK
	   };
	   d_step {
		userblk_slot_end_redirected(s)
	   };
	   do_the_rest(s);
	   s = 0
	od
}

/* An answer with s and g. again: it may answer once more. */
inline userblk_put_one(me)
{
	if
#if FILLS
	:: atomic { fills -> fills--; again = true };
	   userblk_payload_write_iter(s)
	:: put_complete_filled(s)
#else
	:: userblk_put_complete(s)
#endif
#if FETCHES
	:: atomic { fetches -> fetches--; again = true };
	   userblk_put_fetch(s)
#endif
#if GIVES
	:: atomic { gives -> gives-- };
	   userblk_queue_give_back(s, false)
#endif
#if REDIRECTIONS
	:: atomic { redirections -> redirections-- };
	   userblk_queue_redirect(s)
#endif
#if ADOPTIONS
	:: atomic { adoptions -> adoptions--; again = true };
	   userblk_queue_adopt(s, me)
#endif
	fi;
	do_the_rest(s);
	yes = false
}

/* Takes and answers for as long as it lives. */
proctype worker(byte me)
{
	LOCALS;
	bool again;

end:	do
	:: atomic {
		if
		:: CAN_TAKE(0) -> c = 0
		:: HWQS > 1 && CAN_TAKE(HWQS - 1) -> c = HWQS - 1
		fi;
		take_look(c, me)
	   };
	   userblk_hwq_take(c, me);
	   if
#if UNDOS
	   :: atomic { undos -> undos-- };
	      /* EFAULT while it is handed out. */
	      userblk_queue_give_back(s, true);
	      do_the_rest(s)
#endif
	   :: again = true;
	      do
	      :: again ->
		 again = false;
		 userblk_put_one(me)
#if DEATHS
	      :: atomic { again && deaths && !mending -> deaths--; dead[me] = true };
		 goto gone
#endif
#if STOPS
	      :: atomic { again && stops -> stops-- };
stopped:	 go_on
#endif
	      :: !again ->
		 break
	      od
	   fi;
	   atomic {
		yes = false;
		s = 0;
		g = 0;
		d = 0
	   }
	od;
gone:	skip
}

/* Another process answers, with an id that it has guessed. */
proctype stranger()
{
	LOCALS;
	bool again;

	atomic {
		if
		:: g = 1
		:: g = 2
		fi
	};
	do
	:: again = false;
	   userblk_put_one(THE_STRANGER);
	   if
	   :: !again -> break
	   :: else
	   fi
	od
}

proctype resetter()
{
	LOCALS;
	byte left;
	byte all;

	if
	:: all = OF_THE_DEAD
	:: all = OF_ALL
	fi;
	userblk_queue_reset(all)
}

proctype expirer()
{
	LOCALS;
	byte left;

	userblk_queue_expire()
}

proctype remover()
{
	LOCALS;
	byte left;

	userblk_queue_kill()
}

#define DONE(s)		(!out[s] && STATE(word[s]) == FREE && !CLAIMS(word[s]))
#define WAITS(s)	(out[s] && STATE(word[s]) == QUEUED && !CLAIMS(word[s]))
#define ALL_DEAD	(dead[1] && dead[WORKERS])
#define HOLDS(p)	((taker[0] == p) + (SLOTS > 1 && taker[LAST] == p))

init
{
	LOCALS;
	byte left;

	atomic {
		/* One program for all ways to break it. */
		c_code { if (getenv("BROKEN")) how_broken = atoi(getenv("BROKEN")); };
		word[0] = WORD(0, FREE, 0);
		word[LAST] = WORD(0, FREE, 0);
		run front();
		run worker(1);
#if WORKERS > 1
		run worker(2);
#endif
#if REDIRECTIONS
		run files();
#endif
#if STRANGERS
		run stranger();
#endif
#if RESETS
		run resetter();
#endif
#if RESETS > 1
		run resetter();
#endif
#if EXPIRIES
		run expirer();
#endif
#if REMOVALS
		run remover();
#endif
#if SUSPENDS
#if SIGNALS
		if
		:: signals = SIGNALS
		:: true
		fi;
#endif
		run suspender();
		run dm();
#endif
	};
	/* Nothing moves any more: somebody puts back what the dead and the stopped hold. */
	timeout;
	CHECK(locks_are_dropped, !locked[0] && !locked[HWQS - 1]);
	CHECK(removal_ends, !REMOVALS || (DONE(0) && DONE(LAST)));
#if PLANNED
	CHECK(suspend_ends, !suspending || stops < STOPS);
#endif
	mending = true;
	userblk_queue_reset((stops < STOPS -> OF_ALL : OF_THE_DEAD));
	timeout;
#if PLANNED
	CHECK(suspend_ends, !suspending);
#endif
	/* What was stopped goes on, and answers late. */
	go_on = true;
	timeout;
	CHECK(taker_counts, taken[1] == HOLDS(1) && taken[WORKERS] == HOLDS(WORKERS) &&
	      taken[THE_STRANGER] == HOLDS(THE_STRANGER));
	/* What is left waits, and only if nobody is there to take it. */
	CHECK(nothing_is_lost, (DONE(0) && DONE(LAST) && (requests == 0 || DONE_ELSEWHERE)) ||
	      (ALL_DEAD && (DONE(0) || WAITS(0)) && (DONE(LAST) || WAITS(LAST))))
}
