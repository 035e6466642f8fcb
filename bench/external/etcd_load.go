// Clients of an etcd cluster: a number of them share some connections, and each has one request under way.
//
//	etcd_load ENDPOINT put|get|sget CLIENTS CONNECTIONS SECONDS [VALUE_BYTES]
//	etcd_load ENDPOINT fill CLIENTS CONNECTIONS KEYS [VALUE_BYTES]	each key once
//
// One line of JSON, as of raft_load. The first second is not counted, but in total, and in cpu_us, which is this process's.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/etcd/clientv3"
)

const keys = 10000

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		fmt.Fprintln(os.Stderr, "etcd_load: not a number: "+text)
		os.Exit(2)
	}
	return n
}

func cpu() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return (u.Utime.Sec+u.Stime.Sec)*1e6 + u.Utime.Usec + u.Stime.Usec
}

func main() {
	if len(os.Args) < 6 {
		fmt.Fprintln(os.Stderr, "usage: etcd_load ENDPOINT put|get|sget|fill CLIENTS CONNECTIONS SECONDS|KEYS [VALUE_BYTES]")
		os.Exit(2)
	}
	kind, clients, connections, seconds, size := os.Args[2], number(os.Args[3]), number(os.Args[4]), number(os.Args[5]), 256
	if len(os.Args) > 6 {
		size = number(os.Args[6])
	}
	var links []*clientv3.Client
	for i := 0; i < connections && i < clients; i++ {
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{os.Args[1]}, DialTimeout: 5 * time.Second})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		links = append(links, c)
	}
	value := make([]byte, size)
	rand.Read(value)
	begin := time.Now().Add(time.Second)
	end := begin.Add(time.Duration(seconds) * time.Second)
	fill := int64(0)
	if kind == "fill" {
		fill = int64(seconds)
		begin = time.Now()
	}
	var filled, total int64
	var group sync.WaitGroup
	latency := make([][]int64, clients)
	failed := make([]int, clients)
	for i := 0; i < clients; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			kv := links[i%len(links)]
			draw := rand.New(rand.NewSource(int64(i)))
			for {
				since := time.Now()
				drawn := int64(draw.Intn(keys))
				if fill > 0 {
					drawn = atomic.AddInt64(&filled, 1) - 1
				}
				if fill > 0 && drawn >= fill || fill == 0 && since.After(end) {
					return
				}
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				key := fmt.Sprintf("key-%08d", drawn)
				var err error
				switch kind {
				case "put", "fill":
					_, err = kv.Put(ctx, key, string(value))
				case "get":
					_, err = kv.Get(ctx, key)
				default:
					_, err = kv.Get(ctx, key, clientv3.WithSerializable())
				}
				cancel()
				atomic.AddInt64(&total, 1)
				if since.Before(begin) {
					continue
				}
				if err != nil {
					failed[i]++
				} else {
					latency[i] = append(latency[i], time.Since(since).Microseconds())
				}
			}
		}(i)
	}
	group.Wait()
	took := time.Since(begin).Seconds()
	var all []int64
	failures := 0
	for i := range latency {
		all = append(all, latency[i]...)
		failures += failed[i]
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	at := func(q float64) int64 {
		if len(all) == 0 {
			return 0
		}
		return all[int(q*float64(len(all)-1))]
	}
	json.NewEncoder(os.Stdout).Encode(map[string]interface{}{"op": kind, "clients": clients, "done": len(all), "failed": failures,
		"total": total, "seconds": took, "per_s": float64(len(all)) / took, "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(1),
		"cpu_us": cpu()})
}
