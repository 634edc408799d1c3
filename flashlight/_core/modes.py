"""Thread-local modes: whether operations are recorded, inference mode, autocast, anomaly detection."""

from __future__ import annotations

import functools
import inspect
import threading


class _Modes(threading.local):
    grad = True
    inference = False
    autocast = None  # callable (operator, tensors, arrays) -> (tensors, arrays) cast, installed by amp
    anomaly = False
    check_nan = True
    mapping = None  # callable (tensor, new value) that is told of writes in place, set by vmap
    multithreading = True


modes = _Modes()


def is_grad_enabled() -> bool:
    """Whether operations are being recorded."""
    return modes.grad


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on."""
    return modes.inference


class _Mode:
    """A context manager that is also a decorator for functions, generators and classes' methods."""

    def __call__(self, fn):
        if inspect.isgeneratorfunction(fn):
            return _wrap_generator(self._fresh, fn)

        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            with self._fresh():
                return fn(*args, **kwargs)

        return wrapped

    def _fresh(self):
        return type(self)()


def _wrap_generator(make, fn):
    # the mode holds inside the generator's frames only, never in the caller's between two yields
    @functools.wraps(fn)
    def wrapped(*args, **kwargs):
        generator = fn(*args, **kwargs)
        reply, failure = None, None
        while True:
            with make():
                try:
                    item = generator.throw(failure) if failure is not None else generator.send(reply)
                except StopIteration as stop:
                    return stop.value
            reply, failure = None, None
            try:
                reply = yield item
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:
                failure = error

    return wrapped


class _GradMode(_Mode):
    _value = True

    def __new__(cls, orig_func=None):
        self = object.__new__(cls)
        return self if orig_func is None else self(orig_func)

    def __enter__(self):
        self._before = modes.grad
        modes.grad = self._value

    def __exit__(self, *_exc):
        modes.grad = self._before


class no_grad(_GradMode):
    """Operations inside are not recorded."""

    _value = False


class enable_grad(_GradMode):
    """Operations inside are recorded, also within ``no_grad``."""

    _value = True


class set_grad_enabled(_Mode):
    """Turn recording on or off, as a function, a context manager or a decorator."""

    def __init__(self, mode: bool):
        self._before, self.mode = modes.grad, bool(mode)
        modes.grad = self.mode

    def __call__(self, fn):
        modes.grad = self._before
        return super().__call__(fn)

    def _fresh(self):
        return set_grad_enabled(self.mode)

    def __enter__(self):
        modes.grad = self.mode

    def __exit__(self, *_exc):
        modes.grad = self._before


class inference_mode(_Mode):
    """Like ``no_grad``; tensors made inside can never take part in autograd."""

    def __new__(cls, mode=True):
        self = object.__new__(cls)
        if callable(mode):
            self.__init__(True)
            return self(mode)
        return self

    def __init__(self, mode: bool = True):
        self.mode = mode

    def _fresh(self):
        return inference_mode(self.mode)

    def __enter__(self):
        self._before = modes.grad, modes.inference
        modes.inference = self.mode
        modes.grad = False if self.mode else modes.grad

    def __exit__(self, *_exc):
        modes.grad, modes.inference = self._before
