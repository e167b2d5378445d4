"""Reference answers of week 12, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.forward.multislice` and `em_inverse.priors`, so that a check
also compares two independent ways. They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["image", "shrink", "step_gradient"]


def image(slices, sigma, P, L):
    """Return the image behind slices[m, x, y]: P goes to the next slice, L is the lens."""
    psi = np.ones(slices[0].shape, complex)
    for S in slices:
        psi = np.fft.ifft2(P * np.fft.fft2(np.exp(1j * sigma * S) * psi))
    return np.abs(np.fft.ifft2(L * np.fft.fft2(psi))) ** 2


def step_gradient(r, psi, S, sigma, P):
    """Return the real g with ⟨g, dS⟩ = Re⟨r, dψ⟩ for one step ψ = F⁻¹[P F(exp(iσS) psi)]."""
    behind = np.exp(1j * sigma * S) * psi
    # back through free space: the adjoint of F⁻¹ P F is F⁻¹ P* F
    back = np.fft.ifft2(P.conj() * np.fft.fft2(r))
    return sigma * np.imag(back * behind.conj())


def shrink(V, tau):
    """Return argmin over x ≥ 0 of ½‖x − V‖² + τ Σ x."""
    return np.maximum(V - tau, 0)
