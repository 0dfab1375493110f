"""One thread for linear algebra: the products here are small, and threads that wait for each other cost 20 times more.

On a machine with other work the threads of a BLAS spin while their peers are descheduled; and one thread adds in one
order, so that the same input gives the same bits.
"""

from __future__ import annotations

from threadpoolctl import ThreadpoolController

one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")
"""Decorator: run a function with single-threaded BLAS."""
