"""Throughput and waiting over offered load, ours beside the peer with one worker and with two: one table.

    scripts/bench.sh service/load [--seconds 18]

Closed loop: so many clients, each with one request at a time. Open loop: requests come by chance (a Poisson process, the same
draws for all) at shares of what each contestant managed in the closed loop, whatever has been answered; an answer's time counts from
when its request was due. Point by point all take turns. Refusals count as failed, never as fast.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from clips import FOLDER, clip
from contest import machine, store
from services import PACKAGES, Service, ours, peer, upload

CLIENTS = (1, 2, 4, 8)
SHARES = (0.5, 0.7, 0.9)
CLIP_S = 5
SEED = 16
# Limits of the 99th percentile at which sustained rates are compared, in times the best peer's median without load.
PATIENCE = (2, 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=18, help="of each point")
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS)
    parser.add_argument("--shares", type=float, nargs="*", default=SHARES)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--ours", type=Path, required=True, help="the program, built with --release")
    arguments = parser.parse_args()
    body = upload(clip(arguments.folder, "h264", "360p", 2, CLIP_S))
    contestants = [ours(arguments.ours), peer("fastapi, 1 worker", jobs=2), peer("fastapi, 2 workers", workers=2)]
    facts, table = machine(), {service.name: {"closed": {}, "open": {}} for service in contestants}
    try:
        for service in contestants:
            service.start()
            warm_up(service, body)
        for clients in arguments.clients:
            for service in contestants:
                table[service.name]["closed"][clients] = told(f"{service.name}, {clients} clients", closed(service, body, clients, arguments.seconds))
        for share in arguments.shares:
            for service in contestants:
                rate = share * capacity(table[service.name])
                table[service.name]["open"][share] = told(f"{service.name}, {rate:.2f}/s offered", offered(service, body, rate, arguments.seconds))
    finally:
        for service in contestants:
            service.end()
    summary = summarise(table)
    print("\n".join(f"{key}: {value}" for key, value in summary.items()))
    if tuple(arguments.clients) == CLIENTS:
        versions = {package: version(package) for package in PACKAGES}
        store("load", {"machine": facts, "versions": versions, "seconds": arguments.seconds, "clip": f"{CLIP_S} s of 360p H.264", "summary": summary, "contestants": table})


def warm_up(service: Service, body: bytes):
    """Every worker of a peer has been asked, with near certainty."""
    threads = [threading.Thread(target=service.predict, args=(body,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def closed(service: Service, body: bytes, clients: int, seconds: float) -> dict:
    answers, started = [], time.perf_counter()

    def client():
        while time.perf_counter() - started < seconds:
            answers.append(service.predict(body))

    together([client] * clients)
    return figures(answers, time.perf_counter() - started)


def offered(service: Service, body: bytes, rate: float, seconds: float) -> dict:
    chance, due, moments = random.Random(SEED), 0.0, []
    while (due := due + chance.expovariate(rate)) < seconds:
        moments.append(due)
    answers, started = [], time.perf_counter()

    def request(moment: float):
        time.sleep(max(0.0, started + moment - time.perf_counter()))
        answer = service.predict(body)
        answers.append(answer | {"seconds": time.perf_counter() - started - moment})

    together([lambda moment=moment: request(moment) for moment in moments])
    return figures(answers, max(seconds, time.perf_counter() - started)) | {"offered_per_s": round(len(moments) / seconds, 3)}


def together(works: list):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def figures(answers: list[dict], seconds: float) -> dict:
    good = sorted(answer["seconds"] for answer in answers if "error" not in answer)
    if not good:
        return {"per_s": 0.0, "answers": 0, "failed": len(answers), "p50_s": None, "p99_s": None}
    p99 = good[min(len(good) - 1, int(0.99 * len(good)))]
    return {"per_s": round(len(good) / seconds, 3), "answers": len(good), "failed": len(answers) - len(good),
            "p50_s": round(statistics.median(good), 3), "p99_s": round(p99, 3)}


def told(what: str, point: dict) -> dict:
    if not point["answers"]:
        print(f"{what:36} nothing was answered, {point['failed']} failed", flush=True)
        return point
    print(f"{what:36} {point['per_s']:.2f}/s, p50 {point['p50_s']:.2f} s, p99 {point['p99_s']:.2f} s, {point['answers']} answers, "
          f"{point['failed']} failed", flush=True)
    return point


def capacity(points: dict) -> float:
    return max(point["per_s"] for point in points["closed"].values())


def sustained(points: dict, limit_s: float) -> float:
    """The highest rate answered in time. In few seconds chance may offer more than that: what came in and waits is not sustained."""
    rates = [point["per_s"] for kind in ("closed", "open") for point in points[kind].values()
             if point["answers"] and not point["failed"] and point["p99_s"] <= limit_s]
    return max(rates, default=0.0)


def summarise(table: dict) -> dict:
    own, *peers = table
    summary = {"times the best peer's throughput": round(capacity(table[own]) / max(capacity(table[name]) for name in peers), 2)}
    alone_s = min(next(iter(table[name]["closed"].values()))["p50_s"] for name in peers)
    for patience in PATIENCE:
        limit_s = patience * alone_s
        rates = {name: sustained(table[name], limit_s) for name in table}
        best = max(rates[name] for name in peers)
        summary[f"times the best peer's sustained rate, p99 within {limit_s:.1f} s"] = round(rates[own] / best, 2) if best else None
        summary[f"sustained rates, p99 within {limit_s:.1f} s"] = rates
    return summary


if __name__ == "__main__":
    main()
