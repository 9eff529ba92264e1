//! f5-guard: F5 AI Guardrails for OpenAI Codex hooks.
pub mod diagnose;
