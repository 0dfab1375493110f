"""Single-threaded linear algebra: the products here are small, and threads waiting for each other cost 20 times more.

On a machine with other work the threads of a BLAS spin while their peers are descheduled; and one thread always
adds in the same order, so that the same input gives the same bits.
"""

from __future__ import annotations

from threadpoolctl import ThreadpoolController

one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")
"""Decorator: run a function with single-threaded BLAS."""
