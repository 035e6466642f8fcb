/* Memory as x86 shows it (total store order): every thread has a queue of stores that reach memory
 * later, in order; its own loads see them at once, nobody else's do. A locked instruction waits until
 * the queue is empty. Before the include: CELLS (bytes of memory), THREADS. A thread that ends leaves
 * its queue to be drained.
 *
 * Source: Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, "x86-TSO: A Rigorous and Usable Programmer's
 * Model for x86 Multiprocessors", CACM 53(7), 2010. */

#define QUEUE 2

typedef queue {
    byte at[QUEUE];
    byte value[QUEUE];
    byte count
};

byte mem[CELLS];
queue stores[THREADS];

/* mov [a], v */
inline store(t, a, v)
{
    atomic {
        stores[t].count < QUEUE;
        stores[t].at[stores[t].count] = a;
        stores[t].value[stores[t].count] = v;
        stores[t].count++
    }
}

/* mov ret, [a] */
inline load(t, a, ret)
{
    d_step {
        ret = mem[a];
        if
        :: stores[t].count > 0 && stores[t].at[0] == a -> ret = stores[t].value[0]
        :: else
        fi;
        if
        :: stores[t].count > 1 && stores[t].at[1] == a -> ret = stores[t].value[1]
        :: else
        fi
    }
}

/* xchg [a], v: a sequentially consistent store */
inline exchange(t, a, v)
{
    atomic {
        stores[t].count == 0;
        mem[a] = v
    }
}

/* lock xadd [a], by */
inline add(t, a, by)
{
    atomic {
        stores[t].count == 0;
        mem[a] = mem[a] + by
    }
}

/* Moves the oldest store of thread t to memory, at any time. */
proctype drain(byte t)
{
end:
    do
    :: atomic {
           stores[t].count > 0 ->
           mem[stores[t].at[0]] = stores[t].value[0];
           stores[t].at[0] = stores[t].at[1];
           stores[t].value[0] = stores[t].value[1];
           stores[t].count--;
           stores[t].at[stores[t].count] = 0;
           stores[t].value[stores[t].count] = 0
       }
    od
}
