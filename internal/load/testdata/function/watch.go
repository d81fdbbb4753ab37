package main

import (
	"fmt"
	"log"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
)

// watch answers, on a port of its own, how many goroutines run and how many
// bytes are held after what nobody uses was given back; and what the goroutines
// do.
func watch(address string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/held", func(w http.ResponseWriter, _ *http.Request) {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintln(w, runtime.NumGoroutine(), m.HeapAlloc)
	})
	mux.HandleFunc("/stacks", func(w http.ResponseWriter, _ *http.Request) {
		_ = pprof.Lookup("goroutine").WriteTo(w, 1)
	})
	log.Fatal(http.ListenAndServe(address, mux))
}
