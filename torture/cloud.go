package main

import (
	"context"
	"net"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/torture/world"
)

// cloud is a local Google Cloud that is in trouble all the time, and watched.
type cloud struct {
	*emulator.Cloud
	address string
	witness *witness
	faults  *faults
}

func startCloud(ctx context.Context, w world.World, clock *clock, f *faults) (*cloud, error) {
	seed, err := emulator.ParseSeed("seed.yaml", w.Seed())
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback+":0")
	if err != nil {
		return nil, err
	}
	c := &cloud{Cloud: emulator.New(seed), address: listener.Addr().String(), faults: f}
	c.witness = newWitness(clock, c.Policies())
	c.Spoil(func(ctx context.Context, call emulator.Call) error {
		if call.Done {
			c.witness.see(call)
			return f.meet(ctx, call)
		}
		err := f.meet(ctx, call)
		if err == nil {
			c.witness.arrives(call)
		}
		return err
	})
	go func() { _ = c.Serve(listener) }()
	return c, nil
}

// clientOptions point an official client at the address.
func clientOptions(address string) []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(address), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}
