/* SPDX-License-Identifier: MIT */
/*
 * What kmod/patience.c needs of the kernel and of the rest of the module, with a clock that the
 * test moves. Before each step that is visible to others, or sees their steps, moment() is
 * called: the test does there what another CPU may do at that moment.
 */
#ifndef USERBLK_TESTS_MODEL_H
#define USERBLK_TESTS_MODEL_H

/* Replaced by this file. */
#define USERBLK_QUEUE_H
#define USERBLK_CANCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint32_t u32;
typedef int spinlock_t;

struct work_struct {
    void (*function)(struct work_struct* work);
};

struct delayed_work {
    struct work_struct work;
    bool pending;
    unsigned long due;
};

struct userblk_queue;

struct userblk_front {
    int told;
};

struct userblk_waiters {
    int woken;
};

struct userblk_hwq {
    struct userblk_queue* queue;
    spinlock_t lock;
    u32 queued;
    u32 index;
};

struct userblk_queue {
    struct userblk_hwq* hwqs;
    unsigned int nr_hwqs;
    unsigned long limit;
    struct userblk_front* front;
    struct userblk_waiters waiters;
    unsigned long last_take;
    struct delayed_work unserved;
    unsigned long patience;
    struct delayed_work expire;
    unsigned long expiring;
};

extern unsigned long jiffies;
void moment(void);

#define HZ 250
#define unlikely(x) (x)
#define READ_ONCE(x) (moment(), (x))
#define WRITE_ONCE(x, value) (moment(), (void)((x) = (value)))
#define smp_mb__after_atomic() moment()
#define time_before(a, b) (moment(), (long)((a) - (b)) < 0)
#define time_after(a, b) time_before(b, a)
#define container_of(pointer, type, member)                                                        \
    ((type*)(void*)((char*)(pointer)-offsetof(type, member)))
#define to_delayed_work(pointer) container_of(pointer, struct delayed_work, work)
#define INIT_DELAYED_WORK(delayed, fn) ((delayed)->work.function = (fn), (delayed)->pending = false)
#define cancel_delayed_work_sync(delayed) ((delayed)->pending = false)
#define schedule_delayed_work(delayed, delay) queue_delayed_work(NULL, delayed, delay)
#define spin_lock(lock) moment()
#define spin_unlock(lock) moment()

static inline bool test_bit(int bit, const unsigned long* word) {
    moment();
    return *word >> bit & 1;
}

static inline bool test_and_set_bit(int bit, unsigned long* word) {
    const bool was = test_bit(bit, word);
    *word |= 1UL << bit;
    return was;
}

static inline bool test_and_clear_bit(int bit, unsigned long* word) {
    const bool was = test_bit(bit, word);
    *word &= ~(1UL << bit);
    return was;
}

static inline void set_bit(int bit, unsigned long* word) {
    test_and_set_bit(bit, word);
}

static inline void clear_bit(int bit, unsigned long* word) {
    test_and_clear_bit(bit, word);
}

struct workqueue_struct;

static inline void queue_delayed_work(struct workqueue_struct* queue, struct delayed_work* delayed,
                                      unsigned long delay) {
    (void)queue;
    moment();
    if (!delayed->pending)
        delayed->due = jiffies + delay;
    delayed->pending = true;
}

static inline bool userblk_queue_has_work(const struct userblk_queue* queue) {
    moment();
    for (unsigned int i = 0; i < queue->nr_hwqs; i++)
        if (queue->hwqs[i].queued)
            return true;
    return false;
}

static inline bool userblk_queue_is_dying(const struct userblk_queue* queue) {
    (void)queue;
    return false;
}

static inline void userblk_front_tell_waiting(struct userblk_front* front) {
    front->told++;
}

static inline void userblk_wake(struct userblk_waiters* waiters, unsigned int index) {
    (void)index;
    waiters->woken++;
}

unsigned int userblk_queue_expire(struct userblk_queue* queue, unsigned long before,
                                  unsigned long* oldest);

#ifdef __cplusplus
}
#endif

#endif /* USERBLK_TESTS_MODEL_H */
